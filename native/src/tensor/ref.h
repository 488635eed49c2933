// Intrusive reference counts. Not std::shared_ptr: that needs a symbol of glibc 2.32, and handles of the C
// API are counted objects anyway.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace fusor {

// Objects that Refs point to. Born with one reference, which make_ref() hands to the first Ref.
class Counted {
 public:
  Counted() = default;
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  // The last release sees everything that other threads did before theirs.
  void release() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  // True when the caller's reference is the only one. Others may come only through the caller, so true stays
  // true.
  bool unique() const { return references_.load(std::memory_order_acquire) == 1; }

 protected:
  virtual ~Counted() = default;

 private:
  mutable std::atomic<int64_t> references_{1};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}  // NOLINT: as natural as for pointers
  Ref(const Ref& other) : object_(other.object_) {
    if (object_) object_->retain();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_) object_->release();
  }

  // Takes over a reference that the caller owns.
  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  // A further reference to an object that somebody keeps alive.
  static Ref share(T* object) {
    if (object) object->retain();
    return adopt(object);
  }
  // Hands the reference to the caller, e.g. as a handle of the C API.
  T* detach() { return std::exchange(object_, nullptr); }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  bool operator==(const Ref& other) const { return object_ == other.object_; }

 private:
  T* object_ = nullptr;
};

template <class T, class... Arguments>
Ref<T> make_ref(Arguments&&... arguments) {
  return Ref<T>::adopt(std::make_unique<T>(std::forward<Arguments>(arguments)...).release());
}

}  // namespace fusor
