// The CPU backend behind the backend ABI.
#pragma once

#include "cpu/op.h"
#include "fusor/backend.h"

// A CPU stream computes on the thread that calls; it only keeps scratch memory.
struct fusor_backend_stream {
  fusor::cpu::Scratch scratch;
};

namespace fusor::cpu {

const fusor_backend* backend();

}  // namespace fusor::cpu
