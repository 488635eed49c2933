// C API: tensors.
#include <cstring>

#include "engine/api.h"
#include "engine/devices.h"
#include "engine/environment.h"
#include "op/infer.h"
#include "stream/callback.h"
#include "stream/move_tasks.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

using namespace fusor;

namespace {

// What a caller says a new tensor is; throws if it cannot be.
TensorType checked_type(int32_t dtype, int32_t rank, const int64_t* sizes) {
  if (!is_dtype(dtype)) fail(FUSOR_ERROR_DTYPE, "tensor: dtype ", dtype, " is none");
  if (rank < 0 || rank > FUSOR_MAX_RANK) {
    fail(FUSOR_ERROR_SHAPE, "tensor: a tensor has 0 to ", FUSOR_MAX_RANK, " dimensions, got ", rank);
  }
  require_list(sizes, rank, "sizes");
  const Shape shape(std::span<const int64_t>(sizes, static_cast<size_t>(rank)));
  if (!shape_fits(shape, dtype_size(dtype))) {
    fail(FUSOR_ERROR_SHAPE, "tensor: shape ", shape,
         " is not possible: sizes are at least 0 and a tensor has at most 2^62 bytes");
  }
  return {dtype, shape};
}

int64_t byte_size(const Tensor& tensor) {
  return tensor.shape().elements() * dtype_size(tensor.dtype());
}

}  // namespace

fusor_status fusor_tensor_create(fusor_environment* environment, int32_t device_number, int32_t dtype,
                                 int32_t rank, const int64_t* sizes, const void* data, int64_t bytes,
                                 fusor_tensor** tensor) {
  return api::guarded([&] {
    required(environment, "environment");
    required(tensor, "tensor") = nullptr;
    const TensorType type = checked_type(dtype, rank, sizes);
    Device& device = usable_device(device_number);
    auto storage = make_ref<Storage>(device, type.dtype, type.shape);
    if (bytes != storage->bytes()) {
      fail(FUSOR_ERROR_SHAPE, "tensor: shape ", type.shape, " of ", dtype_name(dtype), " takes ",
           storage->bytes(), " bytes, got ", bytes);
    }
    if (bytes > 0) require_pointer(data, "data");
    if (device.host) {
      auto memory = make_ref<Memory>(device, bytes, PhysicalLayout{});
      if (bytes > 0) std::memcpy(memory->data(), data, static_cast<size_t>(bytes));
      storage->fill(std::move(memory));
    } else {
      HostBytes copy(bytes);
      if (bytes > 0) std::memcpy(copy.data(), data, static_cast<size_t>(bytes));
      Stream& stream = environment->stream(device);
      auto task = std::make_unique<UploadTask>(std::move(copy));
      task->add_output(storage);
      storage->set_home(Ref<Counted>::share(&stream));
      stream.push_bounded(std::move(task), bytes);
    }
    *tensor = make_ref<Tensor>(std::move(storage)).detach();
  });
}

fusor_status fusor_tensor_wrap(fusor_environment* environment, int32_t dtype, int32_t rank,
                               const int64_t* sizes, void* data, void (*release)(void* user_data),
                               void* user_data, fusor_tensor** tensor) {
  return api::guarded([&] {
    required(environment, "environment");
    required(tensor, "tensor") = nullptr;
    const TensorType type = checked_type(dtype, rank, sizes);
    Device& device = usable_device(0);
    auto storage = make_ref<Storage>(device, type.dtype, type.shape);
    if (storage->bytes() > 0) require_pointer(data, "data");
    if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(dtype_size(dtype)) != 0) {
      fail(FUSOR_ERROR_ARGUMENT, "tensor: memory of ", dtype_name(dtype), " must be aligned to ",
           dtype_size(dtype), " bytes");
    }
    auto result = make_ref<Tensor>(storage);
    // Last: from here on the memory is given back by us.
    storage->fill(make_ref<Memory>(device, data, storage->bytes(), release, user_data));
    *tensor = result.detach();
  });
}

fusor_tensor* fusor_tensor_retain(fusor_tensor* tensor) {
  return Ref<Tensor>::share(tensor).detach();
}

void fusor_tensor_release(fusor_tensor* tensor) {
  Ref<Tensor>::adopt(tensor);
}

fusor_status fusor_tensor_get_info(const fusor_tensor* tensor, fusor_tensor_info* info) {
  return api::guarded([&] {
    const View& view = required(tensor, "tensor").view();
    fusor_tensor_info result{};
    result.dtype = tensor->dtype();
    result.rank = view.shape.rank();
    result.device = tensor->device().number;
    std::copy(view.shape.sizes().begin(), view.shape.sizes().end(), result.sizes);
    std::copy_n(view.strides.begin(), result.rank, result.strides);
    result.byte_size = byte_size(*tensor);
    write_struct(info, result, "info");
  });
}

int64_t fusor_tensor_storage_bytes(const fusor_tensor* tensor) {
  return tensor != nullptr ? tensor->storage_bytes() : 0;
}

fusor_status fusor_tensor_read(fusor_environment* environment, fusor_tensor* tensor, void* destination,
                               int64_t bytes, fusor_callback callback, void* user_data) {
  return api::guarded([&] {
    required(environment, "environment");
    const int64_t expected = byte_size(required(tensor, "tensor"));
    if (bytes != expected) {
      fail(FUSOR_ERROR_ARGUMENT, "data: shape ", tensor->shape(), " of ", dtype_name(tensor->dtype()),
           " takes ", expected, " bytes, but the destination has ", bytes);
    }
    if (bytes > 0) require_pointer(destination, "destination");
    Stream& stream = environment->stream(tensor->device());
    stream.push(std::make_unique<ReadTask>(stream, Ref<Tensor>::share(tensor), destination,
                                           Callback{callback, user_data}));
  });
}

fusor_status fusor_tensor_visit(fusor_environment* environment, fusor_tensor* tensor,
                                fusor_visit_callback callback, void* user_data) {
  return api::guarded([&] {
    required(environment, "environment");
    required(tensor, "tensor");
    if (callback == nullptr) fail(FUSOR_ERROR_ARGUMENT, "callback must not be NULL");
    Stream& stream = environment->stream(tensor->device());
    stream.push(std::make_unique<VisitTask>(stream, Ref<Tensor>::share(tensor), callback, user_data));
  });
}

fusor_status fusor_tensor_to_device(fusor_environment* environment, fusor_tensor* tensor,
                                    int32_t device_number, fusor_tensor** result) {
  return api::guarded([&] {
    required(environment, "environment");
    required(tensor, "tensor");
    required(result, "result") = nullptr;
    Device& device = usable_device(device_number);
    if (&device == &tensor->device()) {
      *result = Ref<Tensor>::share(tensor).detach();
      return;
    }
    Stream& from = environment->stream(tensor->device());
    Stream& to = environment->stream(device);
    const auto transfer = make_ref<Transfer>();
    auto storage = make_ref<Storage>(device, tensor->dtype(), tensor->shape());
    storage->set_home(Ref<Counted>::share(&to));
    auto receive = std::make_unique<ReceiveTask>(transfer);
    receive->add_output(storage);
    from.push(std::make_unique<SendTask>(from, Ref<Tensor>::share(tensor), transfer));
    to.push_bounded(std::move(receive), byte_size(*tensor));
    *result = make_ref<Tensor>(std::move(storage)).detach();
  });
}
