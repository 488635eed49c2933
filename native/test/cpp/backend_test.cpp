// The CPU backend as the engine sees it: through the struct of functions alone.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/backend.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "cpu/device/device.h"
#include "cpu/isa/kernel_set.h"
#include "cpu/memory/memory.h"
#include "platform/cores.h"
#include "platform/memory.h"
#include "system.h"

using namespace fusor::cpu;

namespace {

const fusor_backend& cpu() {
  return *backend();
}

struct Stream {
  fusor_backend_stream* stream = nullptr;
  Stream() { REQUIRE(cpu().stream_create(0, &stream) == FUSOR_OK); }
  ~Stream() { cpu().stream_destroy(stream); }
};

fusor_buffer buffer_of(int32_t dtype, const std::vector<int64_t>& sizes, void* data) {
  fusor_buffer buffer{};
  buffer.struct_size = sizeof buffer;
  buffer.dtype = dtype;
  buffer.rank = static_cast<int32_t>(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) buffer.sizes[i] = sizes[i];
  describe_contiguous(buffer);
  buffer.data = data;
  return buffer;
}

fusor_op_call call_of(int32_t op, const void* attributes, const std::vector<const fusor_buffer*>& inputs,
                      const std::vector<fusor_buffer*>& outputs) {
  return {sizeof(fusor_op_call),
          op,
          attributes,
          inputs.data(),
          static_cast<int32_t>(inputs.size()),
          outputs.data(),
          static_cast<int32_t>(outputs.size())};
}

bool is_aligned(const void* pointer, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(pointer) % bytes == 0;
}

// Runs this program's test cases named by `filter` with FUSOR_ISA set; true if they passed.
bool passes_with_isa(const char* isa, const char* filter) {
  return fusor::testing::Child(filter, "FUSOR_ISA", isa).wait() == 0;
}

}  // namespace

TEST_CASE("the struct is complete, versioned and says what it is") {
  CHECK(cpu().struct_size == sizeof(fusor_backend));
  CHECK(cpu().abi_version == FUSOR_BACKEND_ABI_VERSION);
  CHECK(std::string(cpu().kind) == "cpu");
  // Nothing but functions follows `build`: none may be missing but those that say so, which are the last.
  const auto* const functions = reinterpret_cast<void* const*>(&cpu().last_error);
  const size_t count =
      (offsetof(fusor_backend, memory_info) - offsetof(fusor_backend, last_error)) / sizeof(void*);
  for (size_t i = 0; i < count; ++i) CHECK(functions[i] != nullptr);
}

TEST_CASE("one device, with the processor's name, its instruction set and memory; others are refused") {
  const char* reason = nullptr;
  CHECK(cpu().device_count(&reason) == 1);
  CHECK(std::string(reason).empty());
  fusor_device_properties properties{};
  properties.struct_size = sizeof properties;
  REQUIRE(cpu().device_properties(0, &properties) == FUSOR_OK);
  CHECK(std::strlen(properties.name) > 3);
  CHECK(std::string(properties.instruction_set) == active_kernels()->name);
  CHECK(properties.memory_bytes > (1 << 20));
  CHECK(properties.compute_units == fusor::platform::available_cores());
  CHECK(cpu().device_properties(1, &properties) == FUSOR_ERROR_DEVICE);
  CHECK(std::string(cpu().last_error()).find("got 1") != std::string::npos);
}

TEST_CASE("set_threads is checked, and 0 goes back to the cores there are") {
  REQUIRE(cpu().set_threads(3) == FUSOR_OK);
  CHECK(cpu().get_threads() == 3);
  CHECK(cpu().set_threads(-1) == FUSOR_ERROR_ARGUMENT);
  CHECK(cpu().set_threads(100000) == FUSOR_ERROR_ARGUMENT);
  CHECK(cpu().get_threads() == 3);
  REQUIRE(cpu().set_threads(0) == FUSOR_OK);
  CHECK(cpu().get_threads() == fusor::platform::available_cores());
}

TEST_CASE("memory of any size is aligned and writable; zero bytes are a pointer too") {
  for (const int64_t bytes : {0, 1, 63, 64, 65, 1000, 4096, 100'000, 1 << 20, (1 << 20) + 1, 5'000'000}) {
    void* pointer = nullptr;
    REQUIRE(cpu().allocate(0, bytes, &pointer) == FUSOR_OK);
    REQUIRE(pointer != nullptr);
    CHECK(is_aligned(pointer, 64));
    std::memset(pointer, 0xab, static_cast<size_t>(bytes));
    cpu().release(0, pointer, bytes);
  }
  void* pointer = &pointer;
  CHECK(cpu().allocate(0, -1, &pointer) == FUSOR_ERROR_OUT_OF_MEMORY);
  CHECK(pointer == nullptr);
  CHECK(cpu().allocate(0, int64_t{1} << 61, &pointer) == FUSOR_ERROR_OUT_OF_MEMORY);
  CHECK(cpu().allocate(7, 64, &pointer) == FUSOR_ERROR_DEVICE);
  cpu().release(0, nullptr, 64);
}

TEST_CASE("sizes are rounded up by an eighth at most, in steps that contain each other") {
  int64_t last = 0;
  for (int64_t bytes = 1; bytes < 3'000'000; bytes += bytes < 5000 ? 1 : 777) {
    const int64_t rounded = memory_class_bytes(bytes);
    CHECK(rounded >= bytes);
    CHECK(rounded >= last);
    CHECK(rounded % 64 == 0);
    CHECK(rounded - bytes < std::max<int64_t>(64, bytes / 8 + 1));
    CHECK(memory_class_bytes(rounded) == rounded);
    last = rounded;
  }
}

TEST_CASE("released memory serves the next request of its size, and is given back in the end") {
  release_kept_memory();
  CHECK(kept_memory() == 0);
  void *first = nullptr, *second = nullptr;
  REQUIRE(cpu().allocate(0, 3'000'000, &first) == FUSOR_OK);
  cpu().release(0, first, 3'000'000);
  CHECK(kept_memory() == memory_class_bytes(3'000'000));
  REQUIRE(cpu().allocate(0, 2'999'999, &second) == FUSOR_OK);
  CHECK(second == first);
  CHECK(kept_memory() == 0);
  cpu().release(0, second, 2'999'999);

  // What lies unused while other sizes come and go leaves.
  for (int i = 0; i < 5000; ++i) {
    void* pointer = nullptr;
    REQUIRE(cpu().allocate(0, 1000, &pointer) == FUSOR_OK);
    cpu().release(0, pointer, 1000);
  }
  CHECK(kept_memory() == memory_class_bytes(1000));

  // And there is a bound: 100 blocks of 16 MB are not all kept.
  std::vector<void*> blocks(100);
  for (void*& block : blocks) REQUIRE(cpu().allocate(0, 16 << 20, &block) == FUSOR_OK);
  for (void* block : blocks) cpu().release(0, block, 16 << 20);
  CHECK(kept_memory() <= int64_t{256} << 20);

  // Work that asks for them again and again finds them after a while, and when it is over they leave.
  for (int round = 0; round < 3; ++round) {
    for (void*& block : blocks) REQUIRE(cpu().allocate(0, 16 << 20, &block) == FUSOR_OK);
    CHECK((round < 2 || kept_memory() == 0));
    for (void* block : blocks) cpu().release(0, block, 16 << 20);
  }
  CHECK(kept_memory() == 100 * memory_class_bytes(16 << 20));
  for (int i = 0; i < 5000; ++i) {
    void* pointer = nullptr;
    REQUIRE(cpu().allocate(0, 1000, &pointer) == FUSOR_OK);
    cpu().release(0, pointer, 1000);
  }
  CHECK(kept_memory() == memory_class_bytes(1000));
  for (void*& block : blocks) REQUIRE(cpu().allocate(0, 16 << 20, &block) == FUSOR_OK);
  for (void* block : blocks) cpu().release(0, block, 16 << 20);
  CHECK(kept_memory() <= int64_t{256} << 20);
  release_kept_memory();
  CHECK(kept_memory() == 0);
}

TEST_CASE("memory may be taken and released by several threads at once") {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      std::vector<std::pair<char*, int64_t>> held;
      uint32_t random = static_cast<uint32_t>(t) * 77 + 1;
      for (int i = 0; i < 3000; ++i) {
        random = random * 1664525 + 1013904223;
        if (held.size() > 20 || (random >> 28) < 6) {
          if (held.empty()) continue;
          const auto [pointer, bytes] = held.back();
          held.pop_back();
          if (pointer[0] != static_cast<char>(bytes)) std::abort();
          release_memory(pointer, bytes);
        } else {
          const int64_t bytes = 1 + (random >> 10) % 5000;
          char* pointer = static_cast<char*>(allocate_memory(bytes));
          if (!pointer) std::abort();
          pointer[0] = static_cast<char>(bytes);
          held.emplace_back(pointer, bytes);
        }
      }
      for (const auto& [pointer, bytes] : held) release_memory(pointer, bytes);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("arenas are zeroed, again after they were used; large ones lie on huge page borders") {
#if defined(_WIN32)
  constexpr int64_t kLargeAligned = 4096;  // there are no huge pages
#else
  constexpr int64_t kLargeAligned = fusor::platform::kHugePage;
#endif
  for (const int64_t bytes : {int64_t{0}, int64_t{1000}, int64_t{3} << 20}) {
    for (int round = 0; round < 2; ++round) {
      void* pointer = nullptr;
      REQUIRE(cpu().allocate_arena(0, bytes, &pointer) == FUSOR_OK);
      CHECK(is_aligned(pointer, bytes >= fusor::platform::kHugePage ? kLargeAligned : 64));
      char* const data = static_cast<char*>(pointer);
      int64_t dirty = 0;
      for (int64_t i = 0; i < bytes; ++i) dirty += data[i] != 0;
      CHECK(dirty == 0);
      std::memset(data, 1, static_cast<size_t>(bytes));
      cpu().release_arena(0, pointer, bytes);
    }
  }
}

TEST_CASE("scratch is aligned, does not overlap, and grows and shrinks") {
  Scratch scratch;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::pair<char*, int64_t>> parts;
    for (const int64_t bytes :
         {int64_t{0}, int64_t{1}, int64_t{100'000}, int64_t{64}, int64_t{8} << 20, int64_t{7}}) {
      char* const part = static_cast<char*>(scratch.allocate(bytes));
      REQUIRE(part != nullptr);
      CHECK(is_aligned(part, 64));
      std::memset(part, static_cast<int>(parts.size()) + 1, static_cast<size_t>(bytes));
      parts.emplace_back(part, bytes);
    }
    for (size_t i = 0; i < parts.size(); ++i) {
      for (const int64_t at : {int64_t{0}, parts[i].second - 1}) {
        if (parts[i].second > 0) CHECK(parts[i].first[at] == static_cast<char>(i + 1));
      }
    }
    scratch.reset();
  }
  CHECK(scratch.allocate(-1) == nullptr);
  CHECK(scratch.allocate(int64_t{1} << 61) == nullptr);
}

TEST_CASE("an op that takes only contiguous inputs gets them, whatever strides come in") {
  const Stream stream;
  // Softmax over the rows of a transposed view of columns of equal numbers: every result is 1 / rows.
  const int64_t rows = 5, columns = 7;
  std::vector<float> data(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) data[static_cast<size_t>(j * rows + i)] = static_cast<float>(i);
  }
  fusor_buffer input = buffer_of(FUSOR_F32, {rows, columns}, data.data());
  input.strides[0] = 1;
  input.strides[1] = rows;
  fusor_buffer output = buffer_of(FUSOR_F32, {rows, columns}, nullptr);
  const fusor_softmax_attributes attributes{sizeof attributes, 1, 0};
  const std::vector<const fusor_buffer*> inputs{&input};
  const std::vector<fusor_buffer*> outputs{&output};
  const fusor_op_call call = call_of(FUSOR_OP_SOFTMAX, &attributes, inputs, outputs);
  REQUIRE(cpu().prepare_op(stream.stream, &call) == FUSOR_OK);
  std::vector<float> result(data.size(), -1.f);
  REQUIRE(output.byte_size == static_cast<int64_t>(result.size() * sizeof(float)));
  output.data = result.data();
  REQUIRE(cpu().run_op(stream.stream, &call) == FUSOR_OK);
  for (const float value : result) CHECK(value == doctest::Approx(1.0 / columns));
}

TEST_CASE("a blocked input reaches every op, also those that know only rows of numbers") {
  const Stream stream;
  const std::vector<int64_t> sizes = {2, 5, 3, 4};
  std::vector<float> data(120);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
  const fusor_buffer plain = buffer_of(FUSOR_F32, sizes, data.data());
  fusor_buffer blocked = plain;
  blocked.layout = FUSOR_LAYOUT_BLOCKED;
  blocked.block = active_kernels()->lanes;
  const int64_t rows = 3 + 2, width = 4 + 2, blocks = (5 + blocked.block - 1) / blocked.block;
  blocked.halo[0] = blocked.halo[1] = blocked.halo[2] = blocked.halo[3] = 1;
  blocked.byte_size = 2 * blocks * rows * width * blocked.block * 4;
  std::vector<float> memory(static_cast<size_t>(blocked.byte_size / 4), 0.f);
  blocked.data = memory.data();
  REQUIRE(cpu().convert_layout(stream.stream, &plain, &blocked) == FUSOR_OK);

  fusor_buffer output = buffer_of(FUSOR_I64, sizes, nullptr);
  const fusor_convert_attributes attributes{sizeof attributes, FUSOR_I64};
  const std::vector<const fusor_buffer*> inputs{&blocked};
  const std::vector<fusor_buffer*> outputs{&output};
  const fusor_op_call call = call_of(FUSOR_OP_CONVERT, &attributes, inputs, outputs);
  REQUIRE(cpu().prepare_op(stream.stream, &call) == FUSOR_OK);
  std::vector<int64_t> result(120, -1);
  output.data = result.data();
  REQUIRE(cpu().run_op(stream.stream, &call) == FUSOR_OK);
  for (int64_t i = 0; i < 120; ++i) CHECK(result[static_cast<size_t>(i)] == i);

  // Truth values of an image are not an image of truth values.
  fusor_buffer truth = buffer_of(FUSOR_U8, sizes, nullptr);
  const fusor_unary_attributes is_nan{sizeof is_nan, FUSOR_UNARY_IS_NAN, 0, 0};
  const std::vector<fusor_buffer*> truths{&truth};
  const fusor_op_call test = call_of(FUSOR_OP_UNARY, &is_nan, inputs, truths);
  REQUIRE(cpu().prepare_op(stream.stream, &test) == FUSOR_OK);
  std::vector<uint8_t> bytes(120, 9);
  truth.data = bytes.data();
  REQUIRE(cpu().run_op(stream.stream, &test) == FUSOR_OK);
  CHECK(bytes == std::vector<uint8_t>(120, 0));
}

TEST_CASE("ops that there are not, and dtypes that an op does not take, are errors with a reason") {
  const Stream stream;
  std::vector<uint16_t> data(4);
  const fusor_buffer input = buffer_of(FUSOR_F16, {4}, data.data());
  fusor_buffer output = buffer_of(FUSOR_F16, {4}, data.data());
  const std::vector<const fusor_buffer*> inputs{&input};
  const std::vector<fusor_buffer*> outputs{&output};
  for (const int32_t op : {static_cast<int32_t>(FUSOR_OP_RESHAPE), -1, 1000}) {
    const fusor_op_call call = call_of(op, nullptr, inputs, outputs);
    CHECK(cpu().prepare_op(stream.stream, &call) == FUSOR_ERROR_UNSUPPORTED);
    CHECK(std::strlen(cpu().last_error()) > 10);
    CHECK(cpu().run_op(stream.stream, &call) == FUSOR_ERROR_UNSUPPORTED);
  }
  const fusor_softmax_attributes attributes{sizeof attributes, 0, 0};
  const fusor_op_call call = call_of(FUSOR_OP_SOFTMAX, &attributes, inputs, outputs);
  CHECK(cpu().prepare_op(stream.stream, &call) == FUSOR_ERROR_DTYPE);
  const std::string text = cpu().last_error();
  CHECK(text.find("softmax") != std::string::npos);
  CHECK(text.find("f16") != std::string::npos);
  CHECK(text.find("convert to f32 first") != std::string::npos);
}

TEST_CASE("errors belong to the thread that made them") {
  cpu().set_threads(-5);
  const std::string mine = cpu().last_error();
  std::thread([&] {
    fusor_device_properties properties{};
    cpu().device_properties(9, &properties);
    CHECK(std::string(cpu().last_error()) != mine);
  }).join();
  CHECK(std::string(cpu().last_error()) == mine);
}

TEST_CASE("the measured peak is a positive number of GFLOP/s") {
  const Stream stream;
  double gflops = 0;
  REQUIRE(cpu().measure_peak(stream.stream, 1, &gflops) == FUSOR_OK);
  CHECK(gflops > 0.01);
  CHECK(gflops < 10000);
}

TEST_CASE("every runnable instruction set can be asked for by name, and serves") {
  const KernelSetList list = runnable_kernels();
  REQUIRE(list.count >= 1);
  for (int i = 0; i < list.count; ++i) {
    const std::string name = list.sets[i]->name;
    CAPTURE(name);
    CHECK(passes_with_isa(list.sets[i]->name, "*hidden: the named set is active*"));
  }
  CHECK(passes_with_isa("mmx", "*hidden: an absent set leaves no device*"));
  CHECK(passes_with_isa("", "*one device, with the processor*"));
}

TEST_CASE("hidden: the named set is active" * doctest::skip()) {
  REQUIRE(std::getenv("FUSOR_ISA") != nullptr);
  REQUIRE(active_kernels() != nullptr);
  CHECK(std::string(active_kernels()->name) == std::getenv("FUSOR_ISA"));
  CHECK(cpu().device_count(nullptr) == 1);
}

TEST_CASE("hidden: an absent set leaves no device" * doctest::skip()) {
  REQUIRE(std::getenv("FUSOR_ISA") != nullptr);
  CHECK(active_kernels() == nullptr);
  const char* reason = nullptr;
  CHECK(cpu().device_count(&reason) == 0);
  CHECK(std::string(reason).find("FUSOR_ISA=mmx") != std::string::npos);
  // What could be asked for instead.
  const KernelSetList list = runnable_kernels();
  for (int i = 0; i < list.count; ++i)
    CHECK(std::string(reason).find(list.sets[i]->name) != std::string::npos);
  fusor_backend_stream* stream = nullptr;
  CHECK(cpu().stream_create(0, &stream) == FUSOR_ERROR_DEVICE);
  CHECK(stream == nullptr);
}
