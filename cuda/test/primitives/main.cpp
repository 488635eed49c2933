#include <cstdlib>

#include "primitives.h"

using namespace fusor::cuda;
using namespace fusor::cuda::primitives;

int main() {
  Stream stream;
  DeviceProperties properties;
  require(device::properties(0, &properties));
  require(device::use(0));
  require(device::stream_create(&stream.handle));
  stream.properties = &properties;
  std::printf("%s, sm_%d\n", properties.name, properties.capability());
  Report report;
  test_ampere(stream, report);
  if (properties.capability() == 90) {
    test_hopper(stream, report);
  } else {
    std::printf("skipped: TMA and wgmma need sm_90\n");
  }
  require(device::stream_destroy(stream.handle));
  std::printf("%d passed, %d failed\n", report.passed, report.failed);
  return report.failed == 0 ? 0 : 1;
}
