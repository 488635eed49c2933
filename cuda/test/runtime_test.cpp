// Copies through page-locked memory on streams of their own: they wait for what they must and for nothing
// else. In the emulator's reverse order a stream's work happens as late as something waits for it, so that an
// event that is missing is a wrong result; each case that relies on one is run without it as well, and must
// then be wrong.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <cstring>

#include "runtime/markers.h"
#include "runtime/staging.h"
#include "testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;
using emulator::Schedule;

namespace {

constexpr int64_t kPiece = StagingRing::kBytes;

std::vector<unsigned char> pattern(int64_t bytes, unsigned seed) {
  std::vector<unsigned char> values(static_cast<size_t>(bytes));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<unsigned char>(i * 31 + i / 4096 + seed);
  return values;
}

using Bytes = DeviceBuffer<unsigned char>;

/** Work for a compute stream whose end can be seen. */
struct Flag {
  bool set = false;
  static void raise(void* flag) { static_cast<Flag*>(flag)->set = true; }
};

Status copy_on(Stream& stream, const Bytes& to, const Bytes& from) {
  return device::copy(to.data(), from.data(), static_cast<int64_t>(from.size()), stream.handle);
}

/** What a stream that is not the rings' makes of an upload; `waits`: whether the ring is told to let it wait.
 */
bool read_after_upload(bool waits) {
  TestStream compute, other;
  Markers markers(compute->handle);
  UploadRing uploads;
  const auto values = pattern(1000, 1);
  const Bytes target(values.size()), seen(values.size());
  REQUIRE_OK(
      uploads.copy(target.data(), values.data(), 1000, waits ? compute->handle : other->handle, markers, 0));
  REQUIRE_OK(copy_on(compute, seen, target));
  REQUIRE_OK(device::stream_synchronize(compute->handle));
  std::vector<unsigned char> now(values.size());
  std::memcpy(now.data(), seen.data(), now.size());  // the emulator's device memory, without waiting for more
  REQUIRE_OK(device::synchronize());
  return now == values;
}

/** An upload over what earlier work still reads. `ticket`: what it is told to wait for. */
bool keeps_for_readers(uint64_t ticket) {
  TestStream compute;
  Markers markers(compute->handle);
  UploadRing uploads;
  // More than the ring has pieces of, so that the first transfer happens while the call goes on.
  const auto before = pattern(5 * kPiece + 7, 1), after = pattern(5 * kPiece + 7, 2);
  const Bytes target(before), seen(before.size());
  REQUIRE_OK(copy_on(compute, seen, target));
  markers.count();
  REQUIRE_OK(uploads.copy(target.data(), after.data(), static_cast<int64_t>(after.size()), compute->handle,
                          markers, ticket));
  REQUIRE_OK(device::synchronize());
  CHECK(target.read() == after);
  return seen.read() == before;
}

/** A download of what earlier work writes. `counted`: whether the markers know of that work. */
bool reads_results(bool counted) {
  TestStream compute;
  Markers markers(compute->handle);
  DownloadRing downloads;
  const auto values = pattern(5 * kPiece + 7, 3);
  const Bytes source(values), result(values.size());
  REQUIRE_OK(copy_on(compute, result, source));
  if (counted) markers.count();
  std::vector<unsigned char> host(values.size());
  REQUIRE_OK(downloads.copy(host.data(), result.data(), static_cast<int64_t>(host.size()), markers));
  REQUIRE_OK(device::synchronize());
  return host == values;
}

/** The same with a page-locked piece that is filled again before its transfer was waited for. */
bool fills_again(bool waits) {
  TestStream stream;
  const auto first = pattern(1000, 4), second = pattern(1000, 5);
  void* piece = nullptr;
  REQUIRE_OK(device::allocate_pinned(&piece, 1000));
  DeviceEvent done = nullptr;
  REQUIRE_OK(device::event_create(&done, false));
  const Bytes a(first.size()), b(second.size());
  std::memcpy(piece, first.data(), first.size());
  REQUIRE_OK(device::copy(a.data(), piece, 1000, stream->handle));
  REQUIRE_OK(device::event_record(done, stream->handle));
  if (waits) REQUIRE_OK(wait_for(done));
  std::memcpy(piece, second.data(), second.size());
  REQUIRE_OK(device::copy(b.data(), piece, 1000, stream->handle));
  REQUIRE_OK(device::synchronize());
  const bool right = a.read() == first && b.read() == second;
  REQUIRE_OK(device::event_destroy(done));
  REQUIRE_OK(device::release_pinned(piece));
  return right;
}

}  // namespace

TEST_CASE("work after an upload sees it; without the event it would not") {
  in_every_schedule([] { CHECK(read_after_upload(true)); });
  emulator::set_schedule(Schedule::reverse);
  CHECK(!read_after_upload(false));
  emulator::set_schedule(Schedule::forward);
}

TEST_CASE("an upload leaves what earlier work reads; without the marker it would not") {
  in_every_schedule([] { CHECK(keeps_for_readers(1)); });
  emulator::set_schedule(Schedule::reverse);
  CHECK(!keeps_for_readers(0));
  emulator::set_schedule(Schedule::forward);
}

TEST_CASE("a download has what earlier work wrote; without the marker it would not") {
  in_every_schedule([] { CHECK(reads_results(true)); });
  emulator::set_schedule(Schedule::reverse);
  CHECK(!reads_results(false));
  emulator::set_schedule(Schedule::forward);
}

TEST_CASE("page-locked pieces are used again when they are free; without the event data would be lost") {
  in_every_schedule([] {
    CHECK(fills_again(true));
    TestStream compute;
    Markers markers(compute->handle);
    UploadRing uploads;
    DownloadRing downloads;
    for (const int64_t bytes : {int64_t{0}, int64_t{1}, kPiece, kPiece + 1, 9 * kPiece + 4099}) {
      const auto values = pattern(bytes, 6);
      const Bytes target(values.size());
      REQUIRE_OK(uploads.copy(target.data(), values.data(), bytes, compute->handle, markers, 0));
      markers.count();
      std::vector<unsigned char> back(values.size());
      REQUIRE_OK(downloads.copy(back.data(), target.data(), bytes, markers));
      CHECK(back == values);
    }
    REQUIRE_OK(device::synchronize());
  });
  emulator::set_schedule(Schedule::reverse);
  CHECK(!fills_again(false));
  emulator::set_schedule(Schedule::forward);
}

TEST_CASE("an upload to memory that was free does not wait for the run under way") {
  emulator::set_schedule(Schedule::reverse);
  {
    TestStream compute;
    Markers markers(compute->handle);
    UploadRing uploads;
    const auto values = pattern(9 * kPiece, 7);
    const Bytes target(values.size());
    Flag first, second;
    REQUIRE_OK(device::host_call(compute->handle, Flag::raise, &first));
    markers.count();
    REQUIRE_OK(markers.mark());  // as a plan does at its end
    REQUIRE_OK(device::host_call(compute->handle, Flag::raise, &second));
    markers.count();
    // The block's last user was the first piece of work: five transfers have happened when this returns.
    REQUIRE_OK(uploads.copy(target.data(), values.data(), static_cast<int64_t>(values.size()),
                            compute->handle, markers, 1));
    CHECK(first.set);
    CHECK(!second.set);
    REQUIRE_OK(device::synchronize());
    CHECK(second.set);
    CHECK(target.read() == values);
  }
  emulator::set_schedule(Schedule::forward);
}
