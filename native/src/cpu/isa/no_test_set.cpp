// What users get has no set for tests: it would be a third of the library.
#include "cpu/isa/kernel_set.h"

namespace fusor::cpu {

extern const KernelSet* const test_set;
const KernelSet* const test_set = nullptr;

}  // namespace fusor::cpu
