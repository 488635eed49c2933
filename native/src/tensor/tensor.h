// A tensor: a view of a storage. What the C API calls fusor_tensor.
#pragma once

#include <utility>

#include "tensor/ref.h"
#include "tensor/storage.h"
#include "tensor/view.h"

struct fusor_tensor final : public fusor::Counted {
 public:
  // Of a new storage, whole.
  explicit fusor_tensor(fusor::Ref<fusor::Storage> storage)
      : storage_(std::move(storage)), view_(fusor::View::contiguous(storage_->shape())), owner_(true) {
    storage_->add_tensor();
  }
  fusor_tensor(fusor::Ref<fusor::Storage> storage, const fusor::View& view)
      : storage_(std::move(storage)), view_(view), owner_(false) {
    storage_->add_tensor();
  }
  ~fusor_tensor() override { storage_->remove_tensor(); }

  fusor::Storage& storage() const { return *storage_; }
  const fusor::Ref<fusor::Storage>& storage_ref() const { return storage_; }
  const fusor::View& view() const { return view_; }
  const fusor::Shape& shape() const { return view_.shape; }
  int32_t dtype() const { return storage_->dtype(); }
  fusor::Device& device() const { return storage_->device(); }

  // The storage's elements in the storage's own shape and order.
  bool is_whole() const {
    return view_.offset == 0 && view_.shape == storage_->shape() && view_.is_contiguous();
  }
  // What releasing it frees at most: the tensor that an op made answers for the storage, and a view only when
  // nobody else is left.
  int64_t storage_bytes() const { return owner_ || storage_->tensors() == 1 ? storage_->bytes() : 0; }

 private:
  const fusor::Ref<fusor::Storage> storage_;
  const fusor::View view_;
  const bool owner_;
};

namespace fusor {
using Tensor = ::fusor_tensor;
}
