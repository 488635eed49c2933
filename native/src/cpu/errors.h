// The message of each thread's last failure; fail() (op.h) sets it.
#pragma once

namespace fusor::cpu {

const char* last_error();

}  // namespace fusor::cpu
