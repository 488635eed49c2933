// Captured graphs of one plan, by the addresses of its inputs and outputs, and one of the plan's own
// addresses for runs at any others (docs/decisions/0010).
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

  /** For a run with these addresses, which is counted; null if there is none. */
  DeviceGraphExec find(const Key& key);
  /** After find() gave nothing. Whether a graph of these addresses pays: they came before, not long ago, and
   * there is a place for it. */
  bool wants(const Key& key);
  /** After wants() said no. Whether addresses change so often that a graph to copy in and out of pays. */
  bool addresses_change() const { return missed_ >= kPatience; }
  /** Asks for as many runs without a graph again before that. */
  void be_patient() { missed_ = 0; }
  /** Takes the graph over. */
  void add(Key key, DeviceGraphExec graph);
  void clear();

  /** With addresses that are the plan's own; null if there is none. */
  DeviceGraphExec at_own_addresses() const { return own_; }
  void set_at_own_addresses(DeviceGraphExec graph) { own_ = graph; }

 private:
  struct Entry {
    Key key;
    DeviceGraphExec graph;
    int64_t used; /* the latest run */
  };

  // Runs under way at once, each with its output, and the inputs that a loop takes turns with: rarely more
  // than four. A graph costs some 100 bytes a kernel on the device and a capture of about a millisecond.
  static constexpr size_t kMostGraphs = 8;
  static constexpr size_t kMostMet = 32;
  // A loop over more addresses than there are graphs would capture in every run: a graph's place is taken
  // only when it was of no use for longer than addresses are remembered.
  static constexpr int64_t kUnusedRuns = 2 * kMostMet;
  // Runs without a graph before memory is spent on copies of inputs and outputs.
  static constexpr int kPatience = 16;

  std::vector<Entry> entries_;  // the latest used one last
  std::vector<Key> met_;        // the latest one last
  DeviceGraphExec own_ = nullptr;
  int64_t runs_ = 0;
  int missed_ = 0;
};

}  // namespace fusor::cuda
