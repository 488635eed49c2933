// A global that is made on first use and never destroyed: streams may still run while a process exits.
#pragma once

#include <memory>
#include <new>

namespace fusor {

template <class T>
class Immortal {
 public:
  Immortal() { std::construct_at(reinterpret_cast<T*>(storage_)); }
  T& get() { return *std::launder(reinterpret_cast<T*>(storage_)); }

 private:
  alignas(T) unsigned char storage_[sizeof(T)];
};

}  // namespace fusor
