#include "cpu/plan/tune.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "cpu/plan/tuning_cache.h"
#include "platform/memory.h"

namespace fusor::cpu {

namespace {

constexpr int kMostCandidates = 16;
constexpr int kRuns = 5;  // timed, after one that warms up; the fastest counts: noise only ever adds

// A network with a layer of so many weights has more of them than caches hold, so each layer finds its own in
// memory: before each run they are swept out. Measured with weights that stay, ResNet-18 at batch 1 on 2
// threads of Zen 5 gets F(3x3) at 7 pixels, where 2.8 times the weights take longer than they save (7.5
// -> 7.9 ms a network).
constexpr int64_t kSweptWeightBytes = 1 << 20;
// More than the part of an L3 that is a core's.
constexpr int64_t kSweepBytes = 64 << 20;

// Winners by the file that they belong to, so that the file is read once per process.
struct Known {
  std::string file;
  struct Winner {
    TunedConvolution tuned;
    bool is_cached;
  };
  std::vector<Winner> winners;
};
struct Memory {
  std::mutex mutex;
  std::vector<Known> files;
};
Memory& memory() {
  static Memory* instance = new Memory;  // plans may be built while the process exits
  return *instance;
}

// Under the mutex. Reads the file at first.
Known& known_of(const std::string& file) {
  for (Known& known : memory().files)
    if (known.file == file) return known;
  Known& known = memory().files.emplace_back(Known{file, {}});
  for (TunedConvolution& tuned : read_tuning_cache(file)) known.winners.push_back({std::move(tuned), true});
  return known;
}

// Puts caches into the state in which a layer of a network finds them.
class CacheSweep {
 public:
  // Written once: what never was is one page of zeros to the caches.
  CacheSweep() : memory_(static_cast<char*>(platform::map_pages(kSweepBytes))) {
    if (memory_) std::memset(memory_, 1, kSweepBytes);
  }
  ~CacheSweep() { platform::unmap_pages(memory_, kSweepBytes); }
  CacheSweep(const CacheSweep&) = delete;
  CacheSweep& operator=(const CacheSweep&) = delete;

  // Every thread fills its caches with other data, then fetches its part of the input, which the layer before
  // would have left there. Does nothing where there is no memory.
  void run(Pool& pool, int threads, const BlockedView& input) const {
    if (!memory_) return;
    pool.run(threads, [&](const Team& team) {
      touch(memory_, kSweepBytes);
      const BlockedShape& s = input.shape;
      const int64_t rows = s.n * s.h, row_bytes = s.w * s.lanes * static_cast<int64_t>(sizeof(float));
      for (int64_t row = rows * team.thread() / team.threads();
           row < rows * (team.thread() + 1) / team.threads(); ++row)
        for (int64_t block = 0; block < s.blocks(); ++block)
          touch(reinterpret_cast<const char*>(input.at(row / s.h, block, row % s.h, 0)), row_bytes);
    });
  }

 private:
  static void touch(const char* bytes, int64_t count) {
    constexpr int64_t kLine = 64;
    for (int64_t i = 0; i < count; i += kLine) *static_cast<const volatile char*>(bytes + i);
  }

  char* memory_;
};

double seconds_of(Pool& pool, int threads, const KernelSet& kernels, const ConvolutionShape& shape,
                  const Convolution& convolution, const CacheSweep* sweep) {
  BlockedView input, output;
  input.shape = {shape.n, shape.c, shape.h, shape.w, kernels.lanes, convolution.input_halo()};
  output.shape = {shape.n, shape.k, shape.p, shape.q, kernels.lanes, Halo{}};
  // Values do not matter to the time as long as they are ordinary numbers.
  std::vector<float> input_memory(static_cast<size_t>(input.shape.elements()), 0.5f);
  std::vector<float> output_memory(static_cast<size_t>(output.shape.elements()));
  std::vector<float> workspace(static_cast<size_t>(convolution.workspace_bytes(threads)) / sizeof(float) +
                               16);
  input.data = input_memory.data();
  output.data = output_memory.data();
  Convolution::Arguments arguments;
  arguments.planar = input_memory.data();
  arguments.input = input;
  arguments.output = output;
  arguments.workspace = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(workspace.data()) + 63) / 64 *
                                                64);  // 64-byte aligned
  double best = std::numeric_limits<double>::infinity();
  for (int run = -1; run < kRuns; ++run) {
    if (sweep) sweep->run(pool, threads, input);
    const auto start = std::chrono::steady_clock::now();
    convolution.run(pool, threads, arguments);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (run >= 0) best = std::min(best, taken.count());
  }
  return best;
}

}  // namespace

const std::string& Tuning::file() {
  if (!has_file_) file_ = tuning_cache_file(directory_);
  has_file_ = true;
  return file_;
}

const char* Tuning::choose(const KernelSet& kernels, Pool& pool, int threads, const ConvolutionShape& shape,
                           const float* weight, const float* bias, const fusor_activation& activation,
                           const ConvolutionOptions& options, const char*& reason) {
  const char* names[kMostCandidates];
  const int count =
      std::min(convolution_candidates(kernels, shape, options, names, kMostCandidates), kMostCandidates);
  if (count < 2) return nullptr;
  TunedConvolution wanted{chip_name(), kernels.name, shape, options.winograd, ""};
  {
    const std::lock_guard lock(memory().mutex);
    for (const Known::Winner& winner : known_of(file()).winners) {
      if (!winner.tuned.is_for(wanted)) continue;
      // A file may name anything: only candidates count.
      for (int i = 0; i < count; ++i) {
        if (winner.tuned.algorithm != names[i]) continue;
        reason = winner.is_cached ? "measured, cached" : "measured";
        return names[i];
      }
    }
  }
  const int64_t weight_bytes =
      shape.k * (shape.c / shape.groups) * shape.r * shape.s * static_cast<int64_t>(sizeof(float));
  std::optional<CacheSweep> sweep;
  if (weight_bytes >= kSweptWeightBytes) sweep.emplace();
  const char* fastest = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < count; ++i) {
    ConvolutionOptions forced = options;
    forced.force = names[i];
    forced.memory = nullptr;  // losers leave none behind in the plan
    const auto convolution = make_convolution(kernels, pool, shape, weight, bias, activation, forced);
    if (!convolution) continue;
    const double seconds = seconds_of(pool, threads, kernels, shape, *convolution, sweep ? &*sweep : nullptr);
    if (seconds < least) {
      least = seconds;
      fastest = names[i];
    }
  }
  if (!fastest) return nullptr;  // no memory for any
  wanted.algorithm = fastest;
  reason = "measured";
  is_changed_ = true;
  const std::lock_guard lock(memory().mutex);
  std::vector<Known::Winner>& winners = known_of(file()).winners;
  std::erase_if(winners, [&](const Known::Winner& winner) { return winner.tuned.is_for(wanted); });
  winners.push_back({std::move(wanted), false});
  return fastest;
}

void Tuning::save() try {
  if (!is_changed_) return;
  is_changed_ = false;
  std::vector<TunedConvolution> measured;
  {
    const std::lock_guard lock(memory().mutex);
    for (const Known::Winner& winner : known_of(file()).winners)
      if (!winner.is_cached) measured.push_back(winner.tuned);
  }
  write_tuning_cache(file(), measured);
} catch (const std::bad_alloc&) {
  // The next process measures again.
}

}  // namespace fusor::cpu
