// Errors on their way out of the backend: a Status inside, a code and a text per thread outside.
#pragma once

#include "arch/status.h"

namespace fusor::cuda {

/** Keeps the text for last_error() on this thread and gives the code. */
fusor_status report(const Status& status);
const char* last_error();

}  // namespace fusor::cuda
