// The set that is there for tests only: 64-byte vectors lowered to AVX2. Linked where tests run.
#include "cpu/isa/kernel_set.h"

namespace fusor::cpu {

namespace avx512_emulated {
extern const KernelSet kernel_set;
}
extern const KernelSet* const test_set;
const KernelSet* const test_set = &avx512_emulated::kernel_set;

}  // namespace fusor::cpu
