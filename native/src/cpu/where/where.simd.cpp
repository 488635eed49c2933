// Selection by a byte per element; elements are moved as their bits, so there is one kernel per size. The
// limit is memory.
#include "cpu/where/where.h"

#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

template <class T, int kOnes>
void select_elements(const uint8_t* condition, const void* a, const void* b, void* y, int64_t count) {
  const uint8_t* __restrict c = condition;
  const T* __restrict p = static_cast<const T*>(a);
  const T* __restrict q = static_cast<const T*>(b);
  T* __restrict out = static_cast<T*>(y);
  for (int64_t i = 0; i < count; ++i) {
    const T yes = p[kOnes & 2 ? 0 : i], no = q[kOnes & 4 ? 0 : i];
    out[i] = c[kOnes & 1 ? 0 : i] != 0 ? yes : no;
  }
}

using Select = void (*)(const uint8_t*, const void*, const void*, void*, int64_t);

template <class T>
constexpr void set_row(Select (&row)[8]) {
  row[0] = select_elements<T, 0>;
  row[1] = select_elements<T, 1>;
  row[2] = select_elements<T, 2>;
  row[3] = select_elements<T, 3>;
  row[4] = select_elements<T, 4>;
  row[5] = select_elements<T, 5>;
  row[6] = select_elements<T, 6>;
  row[7] = select_elements<T, 7>;
}

constexpr WhereKernels make_table() {
  WhereKernels table{};
  set_row<uint8_t>(table.select[0]);
  set_row<uint16_t>(table.select[1]);
  set_row<uint32_t>(table.select[2]);
  set_row<uint64_t>(table.select[3]);
  return table;
}

}  // namespace

extern const WhereKernels where_kernels;
constexpr WhereKernels where_kernels = make_table();

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
