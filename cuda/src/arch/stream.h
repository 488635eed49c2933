// Streams, events and graphs as the rest of the backend sees them: opaque pointers. On a GPU they are the
// runtime's own (cudaStream_t is a CUstream_st*), in the emulator they point at its structs of the same
// names.
#pragma once

#include "arch/status.h"

struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace fusor::cuda {

using DeviceStream = CUstream_st*;
using DeviceEvent = CUevent_st*;
using DeviceGraph = CUgraph_st*;
using DeviceGraphExec = CUgraphExec_st*;

/** What kernels choose their tiles and grids by. */
struct DeviceProperties {
  char name[256] = {};
  int major = 0, minor = 0; /* compute capability */
  int multiprocessors = 0;
  int64_t memory_bytes = 0;
  int64_t l2_bytes = 0;
  int shared_bytes_per_block = 0; /* most dynamic shared memory, opted in */
  int shared_bytes_per_multiprocessor = 0;
  int registers_per_multiprocessor = 0;
  int threads_per_multiprocessor = 0;
  char pci_bus_id[32] = {};

  /** 80, 86, 90, ... */
  int capability() const { return major * 10 + minor; }
};

/** One queue of work of one device, as launchers take it. Owns nothing: see runtime/ for who does. */
struct Stream {
  DeviceStream handle = nullptr;
  int device = 0;
  const DeviceProperties* properties = nullptr;
  bool overlaps = false; /* launches may begin before the one before has ended: see arch/overlap.h */
};

}  // namespace fusor::cuda
