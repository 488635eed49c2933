#include "cpu/conv2d/packed.h"

#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace fusor::cpu {
namespace {
constexpr int64_t kHugePage = 2 << 20;
}

PackedFloats::PackedFloats(int64_t count) : count_(count) {
  // Kernels may prefetch and a vector may read a little past the end.
  const int64_t alignment = bytes() >= kHugePage / 2 ? kHugePage : 64;
  const int64_t size = (bytes() + 256 + alignment - 1) / alignment * alignment;
  data_ = static_cast<float*>(std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(size)));
  if (!data_) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == kHugePage) madvise(data_, static_cast<size_t>(size), MADV_HUGEPAGE);
#endif
  std::memset(data_, 0, static_cast<size_t>(size));
}

PackedFloats::~PackedFloats() {
  std::free(data_);
}

}  // namespace fusor::cpu
