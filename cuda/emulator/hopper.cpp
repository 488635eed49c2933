// Models of what came with sm_90: mbarriers, the copy engine, wgmma. All of it happens late: a load lands, a
// store reads its source and a product reads its tiles when something waits for it, or at a random time
// before. Until then the destination holds NaN.
#include <algorithm>
#include <cstring>

#include "arch/tensor_map.h"
#include "emulator/block_state.h"
#include "emulator/float16.h"
#include "emulator/memory.h"

namespace fusor::cuda {
namespace emulator {
namespace {

// ---- mbarriers
// ----------------------------------------------------------------------------------------------------------

struct BarrierWord {
  uint32_t magic : 12, expected : 10, pending : 10;
  int32_t bytes : 31; /* announced and not landed; may be below 0 for a while */
  uint32_t phase : 1;
};
static_assert(sizeof(BarrierWord) == 8);
constexpr uint32_t kMagic = 0xba6;

BarrierWord read_barrier(uint64_t* barrier) {
  shared_offset(barrier, 8, 8, "mbarrier");
  BarrierWord word;
  std::memcpy(&word, barrier, sizeof word);
  if (word.magic != kMagic) fault("an mbarrier that nobody initialised");
  return word;
}

void update_barrier(uint64_t* barrier, BarrierWord word) {
  if (word.pending == 0 && word.bytes == 0) {
    word.pending = word.expected;
    const int ended = static_cast<int>(word.phase);
    word.phase = word.phase ^ 1;
    auto& waiters = current_block->phase_waiters;
    Fiber* woken[1024];
    unsigned count = 0;
    std::erase_if(waiters, [&](const PhaseWaiter& waiter) {
      if (waiter.barrier != barrier || waiter.parity != ended) return false;
      woken[count++] = waiter.fiber;
      return true;
    });
    std::memcpy(barrier, &word, sizeof word);
    make_ready(woken, count);
    return;
  }
  std::memcpy(barrier, &word, sizeof word);
}

void land(uint64_t* barrier, size_t bytes) {
  BarrierWord word = read_barrier(barrier);
  word.bytes = word.bytes - static_cast<int32_t>(bytes);
  update_barrier(barrier, word);
}

// ---- tensor maps
// --------------------------------------------------------------------------------------------------------

struct EncodedMap {
  uint32_t magic, im2col;
  const unsigned char* data;
  int64_t sizes[4];   /* elements */
  int64_t strides[3]; /* bytes */
  int16_t box[3];
  int16_t lower[2], upper[2], step[2]; /* w, h */
  int16_t pixels;
};
static_assert(sizeof(EncodedMap) <= sizeof(TensorMap));
constexpr uint32_t kTiledMagic = 0x71ed, kIm2colMagic = 0x12c0;
constexpr int kRowBytes = 128, kElement = 2;

EncodedMap decode(const TensorMap* map, uint32_t magic) {
  EncodedMap encoded;
  std::memcpy(&encoded, map, sizeof encoded);
  if (encoded.magic != magic) fault("the copy engine: not a tensor map of this kind");
  return encoded;
}

size_t swizzled(size_t offset) {
  return offset ^ ((offset >> 7 & 7) << 4);
}

void issue(std::function<void()> run) {
  auto operation = std::make_shared<AsyncOperation>();
  operation->run = std::move(run);
  current_block->engine.push_back(std::move(operation));
}

/** 16 bytes of a row to their swizzled place; nullptr: zeros. */
void put_chunk(size_t offset, const unsigned char* from) {
  unsigned char* to = current_block->dynamic + swizzled(offset);
  if (from == nullptr) {
    std::memset(to, 0, 16);
    return;
  }
  if (Status status = check_range(from, 16); !status.ok())
    fault("the copy engine reads %s", status.message().c_str());
  std::memcpy(to, from, 16);
}

size_t begin_load(void* shared, size_t bytes) {
  const size_t offset = shared_offset(shared, bytes, 1024, "the copy engine");
  std::memset(shared, 0xff, bytes);
  std::fill_n(current_block->unfenced.begin() + static_cast<ptrdiff_t>(offset / 16), bytes / 16, uint16_t{0});
  return offset;
}

/** Faults if a thread wrote these bytes and did not order the write before the copy engine or wgmma. */
void require_fenced(size_t offset, size_t bytes, const char* what) {
  for (size_t granule = offset / 16; granule < (offset + bytes + 15) / 16; ++granule) {
    if (const unsigned mark = current_block->unfenced[granule]; mark != 0) {
      fault(
          "%s reads offset %zu of shared memory, which thread %u wrote without fence_async_shared() after it",
          what, granule * 16, mark - 1);
    }
  }
}

// ---- warpgroups
// ---------------------------------------------------------------------------------------------------------

template <class Execute>
void warpgroup_collective(const char* name, void* operand, Execute&& execute) {
  Fiber* me = current_fiber;
  const unsigned number = me->number / 128;
  if (number >= current_block->warpgroups.size()) fault("%s: the block has no whole warpgroup here", name);
  Warpgroup& group = current_block->warpgroups[number];
  if (group.arrived > 0 && std::strcmp(group.name, name) != 0) {
    fault("%s: other threads of the warpgroup are at %s", name, group.name);
  }
  group.name = name;
  group.operands[me->number % 128] = operand;
  group.fibers[group.arrived++] = me;
  if (group.arrived < 128) {
    wait(name, Place::current());
    return;
  }
  Fiber* others[127];
  std::copy_n(group.fibers, 127, others);
  execute(group);
  group.arrived = 0;
  make_ready(others, 127);
  let_others_go_first(name, Place::current());
}

/** Row `row` of an operand, 16 elements, as floats. */
void read_operand(uint64_t descriptor, int rows, bool bfloat16, float (*out)[16]) {
  constexpr uint64_t kSwizzle128 = 1;
  if (descriptor >> 62 != kSwizzle128) fault("wgmma: only the 128-byte swizzle is modelled");
  const size_t start = (descriptor & 0x3fff) << 4, eight_rows = (descriptor >> 32 & 0x3fff) << 4;
  // The start may be inside a row of the swizzled 1024 bytes, but not in another row.
  if (start % 1024 >= 128 || start % 32 != 0)
    fault("wgmma: an operand at offset %zu of shared memory", start);
  for (int row = 0; row < rows; ++row) {
    const size_t offset =
        start + static_cast<size_t>(row / 8) * eight_rows + static_cast<size_t>(row % 8) * 128;
    if (offset + 32 > current_block->dynamic_bytes) fault("wgmma: an operand outside of shared memory");
    for (int half = 0; half < 2; ++half) {
      const size_t place = swizzled(offset + static_cast<size_t>(half) * 16);
      require_fenced(place, 16, "wgmma");
      uint16_t bits[8];
      std::memcpy(bits, current_block->dynamic + place, 16);
      for (int i = 0; i < 8; ++i) {
        out[row][half * 8 + i] = bfloat16 ? widen(BFloat16{bits[i]}) : widen(Float16{bits[i]});
      }
    }
  }
}

void execute_product(Warpgroup& group, const WarpgroupProduct& product) {
  const int columns = product.columns, per_thread = columns / 2;
  thread_local float a[64][16], b[256][16], transposed[16][256], sums[64][256];
  read_operand(product.a, 64, product.bfloat16, a);
  read_operand(product.b, columns, product.bfloat16, b);
  for (int n = 0; n < columns; ++n) {
    for (int k = 0; k < 16; ++k) transposed[k][n] = b[n][k];
  }
  for (int row = 0; row < 64; ++row) {
    std::fill_n(sums[row], columns, 0.f);
    for (int k = 0; k < 16; ++k) {
      const float factor = a[row][k];
      for (int n = 0; n < columns; ++n) sums[row][n] += factor * transposed[k][n];
    }
  }
  const auto hidden = std::find_if(group.hidden.begin(), group.hidden.end(),
                                   [&](const Warpgroup::Hidden& h) { return h.first == product.sums[0]; });
  for (int t = 0; t < 128; ++t) {
    for (int i = 0; i < per_thread; ++i) {
      const int row = t / 32 * 16 + t % 32 / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + t % 4 * 2 + i % 2;
      float& value = hidden->values[static_cast<size_t>(t * per_thread + i)];
      value = (product.accumulate ? value : 0.f) + sums[row][column];
    }
  }
  if (--hidden->left > 0) return;
  for (int t = 0; t < 128; ++t) {
    std::memcpy(product.sums[t], &hidden->values[static_cast<size_t>(t * per_thread)],
                static_cast<size_t>(per_thread) * sizeof(float));
  }
  group.hidden.erase(hidden);
}

}  // namespace

void mbarrier_initialise(uint64_t* barrier, int arrivals) {
  const InModel model;
  shared_offset(barrier, 8, 8, "mbarrier");
  if (arrivals <= 0 || arrivals > 1023) fault("mbarrier: a count of %d", arrivals);
  BarrierWord word{};
  word.magic = kMagic;
  word.expected = word.pending = static_cast<uint32_t>(arrivals) & 0x3ff;
  std::memcpy(barrier, &word, sizeof word);
}

void mbarrier_arrive(uint64_t* barrier, int bytes) {
  const InModel model;
  BarrierWord word = read_barrier(barrier);
  if (word.pending == 0)
    fault("mbarrier: more arrivals than its count of %u", static_cast<unsigned>(word.expected));
  word.bytes = word.bytes + bytes;
  word.pending = word.pending - 1;
  update_barrier(barrier, word);
}

void mbarrier_wait(uint64_t* barrier, int parity, Place place) {
  const InModel model;
  if (static_cast<int>(read_barrier(barrier).phase) != (parity & 1)) return;
  current_block->phase_waiters.push_back({barrier, parity & 1, current_fiber});
  wait("mbarrier", place);
}

void fence_async_shared() {
  const InModel model;
  const auto mark = static_cast<uint16_t>(current_fiber->number + 1);
  for (uint16_t& writer : current_block->unfenced) {
    if (writer == mark) writer = 0;
  }
}

void tma_load_im2col(void* shared, const TensorMap* map, uint64_t* barrier, int c, int w, int h, int n,
                     int offset_w, int offset_h) {
  const InModel model;
  require_waited("reads");
  const EncodedMap m = decode(map, kIm2colMagic);
  read_barrier(barrier);
  const size_t bytes = static_cast<size_t>(m.pixels) * kRowBytes, start = begin_load(shared, bytes);
  issue([=] {
    const int last_w = static_cast<int>(m.sizes[1]) - 1 + m.upper[0],
              last_h = static_cast<int>(m.sizes[2]) - 1 + m.upper[1];
    int at_w = w, at_h = h;
    int64_t at_n = n;
    for (int pixel = 0; pixel < m.pixels; ++pixel) {
      const int64_t x = at_w + offset_w, y = at_h + offset_h;
      const bool inside =
          at_n >= 0 && at_n < m.sizes[3] && y >= 0 && y < m.sizes[2] && x >= 0 && x < m.sizes[1];
      for (int chunk = 0; chunk < kRowBytes / 16; ++chunk) {
        const int64_t channel = c + chunk * 8;
        const unsigned char* from =
            m.data + at_n * m.strides[2] + y * m.strides[1] + x * m.strides[0] + channel * kElement;
        put_chunk(start + static_cast<size_t>(pixel) * kRowBytes + static_cast<size_t>(chunk) * 16,
                  inside && channel >= 0 && channel < m.sizes[0] ? from : nullptr);
      }
      at_w += m.step[0];
      if (at_w > last_w) {
        at_w = m.lower[0];
        at_h += m.step[1];
        if (at_h > last_h) {
          at_h = m.lower[1];
          ++at_n;
        }
      }
    }
    land(barrier, bytes);
  });
}

void tma_load_tiled(void* shared, const TensorMap* map, uint64_t* barrier, int rank, const int* start) {
  const InModel model;
  require_waited("reads");
  const EncodedMap m = decode(map, kTiledMagic);
  read_barrier(barrier);
  const int depth = rank == 3 ? m.box[2] : 1;
  const size_t bytes = static_cast<size_t>(m.box[1]) * static_cast<size_t>(depth) * kRowBytes;
  const size_t offset = begin_load(shared, bytes);
  const int x = start[0], y = start[1], z = rank == 3 ? start[2] : 0;
  issue([=] {
    size_t row = 0;
    for (int64_t k = z; k < z + depth; ++k) {
      for (int64_t j = y; j < y + m.box[1]; ++j, ++row) {
        for (int chunk = 0; chunk < kRowBytes / 16; ++chunk) {
          const int64_t i = x + chunk * 8;
          const bool inside =
              i >= 0 && i < m.sizes[0] && j >= 0 && j < m.sizes[1] && k >= 0 && k < m.sizes[2];
          put_chunk(offset + row * kRowBytes + static_cast<size_t>(chunk) * 16,
                    inside ? m.data + k * m.strides[1] + j * m.strides[0] + i * kElement : nullptr);
        }
      }
    }
    land(barrier, bytes);
  });
}

void tma_store_tiled(const TensorMap* map, const void* shared, int rank, const int* start) {
  const InModel model;
  require_waited("writes");
  const EncodedMap m = decode(map, kTiledMagic);
  if (rank != 2 && rank != 3) fault("the copy engine: stores of rank %d are not modelled", rank);
  const int planes = rank == 3 ? m.box[2] : 1;
  const size_t bytes = static_cast<size_t>(planes) * static_cast<size_t>(m.box[1]) * kRowBytes;
  const size_t offset = shared_offset(shared, bytes, 1024, "the copy engine");
  const int x = start[0], y = start[1], z = rank == 3 ? start[2] : 0;
  require_fenced(offset, bytes, "the copy engine");
  auto operation = std::make_shared<AsyncOperation>();
  operation->run = [=] {
    for (int row = 0; row < planes * m.box[1]; ++row) {
      for (int chunk = 0; chunk < kRowBytes / 16; ++chunk) {
        const int64_t i = x + chunk * 8, j = y + row % m.box[1], plane = z + row / m.box[1];
        if (i < 0 || i >= m.sizes[0] || j < 0 || j >= m.sizes[1]) continue;
        if (rank == 3 && (plane < 0 || plane >= m.sizes[2])) continue;
        auto* to = const_cast<unsigned char*>(m.data) + j * m.strides[0] + i * kElement;
        if (rank == 3) to += plane * m.strides[1];
        if (Status status = check_range(to, 16); !status.ok()) {
          fault("the copy engine writes %s", status.message().c_str());
        }
        const size_t place =
            swizzled(offset + static_cast<size_t>(row) * kRowBytes + static_cast<size_t>(chunk) * 16);
        std::memcpy(to, current_block->dynamic + place, 16);
      }
    }
  };
  current_block->engine.push_back(operation);
  current_fiber->stores.push_back(std::move(operation));
}

void tma_store_commit() {
  const InModel model;
  current_fiber->store_groups.push_back(current_fiber->stores.size());
}

void tma_store_wait_read(int newest) {
  const InModel model;
  Fiber& me = *current_fiber;
  if (me.store_groups.size() <= static_cast<size_t>(newest)) return;
  const size_t groups = me.store_groups.size() - static_cast<size_t>(newest),
               end = me.store_groups[groups - 1];
  for (size_t i = 0; i < end; ++i) {
    if (me.stores[i]->done) continue;
    me.stores[i]->done = true;
    me.stores[i]->run();
  }
  me.stores.erase(me.stores.begin(), me.stores.begin() + static_cast<ptrdiff_t>(end));
  me.store_groups.erase(me.store_groups.begin(), me.store_groups.begin() + static_cast<ptrdiff_t>(groups));
  for (size_t& group : me.store_groups) group -= end;
}

uint64_t shared_address(const void* shared) {
  return static_cast<uint64_t>(static_cast<const unsigned char*>(shared) - current_block->dynamic);
}

void wgmma_fence() {
  const InModel model;
  warpgroup_collective("wgmma.fence", nullptr, [](Warpgroup& group) { group.fenced = true; });
}

void wgmma_commit() {
  const InModel model;
  warpgroup_collective("wgmma.commit_group", nullptr, [](Warpgroup& group) {
    group.batches.push_back(group.products.size());
    group.fenced = false;
  });
}

void wgmma(float* d, int columns, uint64_t a, uint64_t b, bool accumulate, bool bfloat16) {
  const InModel model;
  struct Operand {
    float* d;
    uint64_t a, b;
    bool accumulate;
  } mine{d, a, b, accumulate};
  warpgroup_collective("wgmma.mma_async", &mine, [=](Warpgroup& group) {
    if (!group.fenced) fault("wgmma.mma_async without wgmma.fence before its batch");
    const auto* first = static_cast<Operand*>(group.operands[0]);
    WarpgroupProduct product{first->a, first->b, columns, first->accumulate, bfloat16, {}};
    for (int t = 0; t < 128; ++t) {
      const auto* o = static_cast<Operand*>(group.operands[t]);
      if (o->a != product.a || o->b != product.b || o->accumulate != product.accumulate) {
        fault("wgmma: the threads of a warpgroup give different operands");
      }
      product.sums[t] = o->d;
    }
    auto hidden = std::find_if(group.hidden.begin(), group.hidden.end(),
                               [&](const Warpgroup::Hidden& h) { return h.first == product.sums[0]; });
    const auto per_thread = static_cast<size_t>(columns / 2);
    if (hidden == group.hidden.end()) {
      group.hidden.push_back({product.sums[0], 0, std::vector<float>(128 * per_thread)});
      hidden = group.hidden.end() - 1;
      for (size_t t = 0; t < 128; ++t) {
        std::memcpy(&hidden->values[t * per_thread], product.sums[t], per_thread * sizeof(float));
        std::memset(product.sums[t], 0xff, per_thread * sizeof(float));
      }
    }
    ++hidden->left;
    group.products.push_back(product);
  });
}

void wgmma_wait(int newest) {
  const InModel model;
  warpgroup_collective("wgmma.wait_group", nullptr, [=](Warpgroup& group) {
    if (group.batches.size() <= static_cast<size_t>(newest)) return;
    const size_t batches = group.batches.size() - static_cast<size_t>(newest),
                 end = group.batches[batches - 1];
    for (size_t i = 0; i < end; ++i) execute_product(group, group.products[i]);
    group.products.erase(group.products.begin(), group.products.begin() + static_cast<ptrdiff_t>(end));
    group.batches.erase(group.batches.begin(), group.batches.begin() + static_cast<ptrdiff_t>(batches));
    for (size_t& batch : group.batches) batch -= end;
  });
}

}  // namespace emulator

// The limits are the driver's: what it refuses, the emulator refuses.

Status encode_tiled(TensorMap* map, const TiledMap& d) {
  emulator::EncodedMap m{};
  m.magic = emulator::kTiledMagic;
  m.data = static_cast<const unsigned char*>(d.data);
  bool valid = reinterpret_cast<uintptr_t>(d.data) % 16 == 0 && d.rank >= 2 && d.rank <= 3 && d.box[0] == 64;
  m.sizes[2] = 1;
  for (int i = 0; i < d.rank && valid; ++i) {
    valid = d.sizes[i] > 0 && d.sizes[i] <= int64_t{1} << 32 && d.box[i] > 0 && d.box[i] <= 256 &&
            (i == 0 || (d.strides[i - 1] > 0 && d.strides[i - 1] % 16 == 0));
    m.sizes[i] = d.sizes[i];
    m.box[i] = static_cast<int16_t>(d.box[i]);
    if (i > 0) m.strides[i - 1] = d.strides[i - 1];
  }
  if (!valid) return {FUSOR_ERROR_INTERNAL, "cuTensorMapEncodeTiled would refuse this map"};
  std::memcpy(map, &m, sizeof m);
  return {};
}

Status encode_im2col(TensorMap* map, const Im2colMap& d) {
  const auto corner = [](int value) { return value >= -128 && value <= 127; };
  const bool valid = reinterpret_cast<uintptr_t>(d.data) % 16 == 0 && d.c % 8 == 0 && d.n > 0 && d.h > 0 &&
                     d.w > 0 && d.c > 0 && corner(d.lower_h) && corner(d.lower_w) && corner(d.upper_h) &&
                     corner(d.upper_w) && d.stride_h >= 1 && d.stride_h <= 8 && d.stride_w >= 1 &&
                     d.stride_w <= 8 && d.pixels >= 1 && d.pixels <= 256;
  if (!valid) return {FUSOR_ERROR_INTERNAL, "cuTensorMapEncodeIm2col would refuse this map"};
  emulator::EncodedMap m{};
  m.magic = emulator::kIm2colMagic;
  m.data = static_cast<const unsigned char*>(d.data);
  const int64_t sizes[4] = {d.c, d.w, d.h, d.n};
  std::copy_n(sizes, 4, m.sizes);
  m.strides[0] = int64_t{d.c} * 2;
  m.strides[1] = m.strides[0] * d.w;
  m.strides[2] = m.strides[1] * d.h;
  m.lower[0] = static_cast<int16_t>(d.lower_w);
  m.lower[1] = static_cast<int16_t>(d.lower_h);
  m.upper[0] = static_cast<int16_t>(d.upper_w);
  m.upper[1] = static_cast<int16_t>(d.upper_h);
  m.step[0] = static_cast<int16_t>(d.stride_w);
  m.step[1] = static_cast<int16_t>(d.stride_h);
  m.pixels = static_cast<int16_t>(d.pixels);
  std::memcpy(map, &m, sizeof m);
  return {};
}

}  // namespace fusor::cuda
