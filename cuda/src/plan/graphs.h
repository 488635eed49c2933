// Captured graphs of one plan, by the addresses of its inputs and outputs (docs/decisions/0010).
#pragma once

#include <cstdint>
#include <vector>

#include "arch/device_api.h"
#include "fusor/backend.h"

namespace fusor::cuda {

class CapturedGraphs {
 public:
  CapturedGraphs() = default;
  ~CapturedGraphs() { clear(); }
  CapturedGraphs(const CapturedGraphs&) = delete;
  CapturedGraphs& operator=(const CapturedGraphs&) = delete;

  /** The addresses of one run. */
  using Key = std::vector<const void*>;
  static Key key_of(const fusor_plan_memory& memory, size_t inputs, size_t outputs);

  /** Null if there is none. */
  DeviceGraphExec find(const Key& key);
  /** Whether a run with these addresses came before; notes that this one did. */
  bool met(const Key& key);
  /** Takes the graph over. */
  void add(Key key, DeviceGraphExec graph);
  void clear();

 private:
  struct Entry {
    Key key;
    DeviceGraphExec graph;
  };

  std::vector<Entry> entries_;  // the latest used one last
  std::vector<Key> met_;        // the latest one last
};

}  // namespace fusor::cuda
