// When a plan's run gets a graph of its own addresses, when that of any addresses, and when none: the policy
// alone, with graphs of nothing.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "plan/graphs.h"

#include "testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

DeviceGraphExec empty_graph() {
  DeviceStream stream = nullptr;
  DeviceGraph graph = nullptr;
  DeviceGraphExec executable = nullptr;
  REQUIRE_OK(device::stream_create(&stream));
  REQUIRE_OK(device::capture_begin(stream));
  REQUIRE_OK(device::capture_end(stream, &graph));
  REQUIRE_OK(device::graph_instantiate(&executable, graph));
  REQUIRE_OK(device::graph_destroy(graph));
  REQUIRE_OK(device::stream_destroy(stream));
  return executable;
}

CapturedGraphs::Key key(int64_t address) {
  return {reinterpret_cast<const void*>(address)};
}

/** A run as plan_begin makes it; whether it captured. */
bool run(CapturedGraphs& graphs, int64_t address) {
  if (graphs.find(key(address)) != nullptr || !graphs.wants(key(address))) return false;
  graphs.add(key(address), empty_graph());
  return true;
}

/** Captures of `turns` times through `addresses`. */
int captures(CapturedGraphs& graphs, int addresses, int turns) {
  int count = 0;
  for (int i = 0; i < addresses * turns; ++i) count += run(graphs, 1 + i % addresses);
  return count;
}

}  // namespace

TEST_CASE("addresses that come again are captured the second time, once each") {
  CapturedGraphs graphs;
  CHECK(!run(graphs, 1));
  CHECK(run(graphs, 1));
  CHECK(!run(graphs, 1));
  CHECK(captures(graphs, 8, 10) == 7);
  CHECK(!graphs.addresses_change());
}

TEST_CASE("a loop over more addresses than there are graphs does not capture in every run") {
  CapturedGraphs graphs;
  CHECK(captures(graphs, 12, 20) == 8);
  CHECK(graphs.addresses_change());
}

TEST_CASE("of more addresses than are remembered none is captured, and after sixteen runs it shows") {
  CapturedGraphs few, graphs;
  CHECK(captures(few, 15, 1) == 0);
  CHECK(!few.addresses_change());
  CHECK(captures(graphs, 40, 3) == 0);
  CHECK(graphs.addresses_change());
  graphs.be_patient();
  CHECK(!graphs.addresses_change());
}

TEST_CASE("a graph's place is taken when it was of no use for 64 runs") {
  CapturedGraphs graphs;
  CHECK(captures(graphs, 8, 2) == 8);
  // From now on other addresses: the first runs find no place.
  int first_capture = 0;
  for (int i = 1; first_capture == 0 && i < 200; ++i)
    if (run(graphs, 100)) first_capture = i;
  CHECK(first_capture == 65 - 7);  // the first of the eight was used seven runs before the last
  CHECK(!run(graphs, 100));
}

TEST_CASE("the graph of any addresses goes with the others") {
  CapturedGraphs graphs;
  CHECK(graphs.at_own_addresses() == nullptr);
  graphs.set_at_own_addresses(empty_graph());
  CHECK(graphs.at_own_addresses() != nullptr);
  graphs.clear();
  CHECK(graphs.at_own_addresses() == nullptr);
}
