#include "emulator/primitives.h"

#include "emulator/block_state.h"
#include "emulator/float16.h"
#include "emulator/memory.h"

namespace fusor::cuda::emulator {

void synchronize_warp(unsigned mask, Place place) {
  const InModel model;
  warp_collective(mask, "__syncwarp", nullptr, place, [](void**) {});
}

unsigned ballot(unsigned mask, bool predicate, Place place) {
  const InModel model;
  struct Operand {
    bool predicate;
    unsigned result;
  } mine{predicate, 0};
  warp_collective(mask, "__ballot_sync", &mine, place, [mask](void** operands) {
    unsigned result = 0;
    for (unsigned lane = 0; lane < 32; ++lane) {
      if (mask >> lane & 1) result |= unsigned{static_cast<Operand*>(operands[lane])->predicate} << lane;
    }
    for (unsigned lane = 0; lane < 32; ++lane) {
      if (mask >> lane & 1) static_cast<Operand*>(operands[lane])->result = result;
    }
  });
  return mine.result;
}

uint64_t shuffle_bits(unsigned mask, uint64_t value, Shuffle kind, int operand, int width, Place place) {
  const InModel model;
  struct Operand {
    uint64_t value, result;
    int source;
  } mine{value, value, 0};
  const int lane = static_cast<int>(current_fiber->lane), first = lane / width * width;
  int source = lane;
  const char* name = "__shfl_sync";
  switch (kind) {
    case Shuffle::index:
      source = first + ((operand % width) + width) % width;
      break;
    case Shuffle::exclusive_or:
      name = "__shfl_xor_sync";
      source = (lane ^ operand) < first + width ? lane ^ operand : lane;
      break;
    case Shuffle::up:
      name = "__shfl_up_sync";
      source = lane - operand >= first ? lane - operand : lane;
      break;
    case Shuffle::down:
      name = "__shfl_down_sync";
      source = lane + operand < first + width ? lane + operand : lane;
      break;
  }
  mine.source = source;
  warp_collective(mask, name, &mine, place, [mask, name](void** operands) {
    for (unsigned to = 0; to < 32; ++to) {
      if ((mask >> to & 1) == 0) continue;
      auto* receiver = static_cast<Operand*>(operands[to]);
      if ((mask >> receiver->source & 1) == 0) {
        fault("%s: lane %u reads lane %d, which is not in the mask %08x", name, to, receiver->source, mask);
      }
      receiver->result = static_cast<Operand*>(operands[receiver->source])->value;
    }
  });
  return mine.result;
}

// ---- cp.async
// -----------------------------------------------------------------------------------------------------------
// From the issue to the wait the destination holds NaN, and the source is read at the wait: whoever reads too
// early, or overwrites the source or the destination too early, gets a wrong answer in every schedule.

void async_copy(void* shared, const void* global, int bytes, bool valid) {
  const InModel model;
  shared_offset(shared, static_cast<size_t>(bytes), static_cast<size_t>(bytes), "cp.async");
  if (valid) require_access(global, static_cast<size_t>(bytes), static_cast<size_t>(bytes), false);
  std::memset(shared, 0xff, static_cast<size_t>(bytes));
  current_fiber->copies.push_back({static_cast<unsigned char*>(shared),
                                   valid ? static_cast<const unsigned char*>(global) : nullptr, bytes});
}

void async_copy_commit() {
  const InModel model;
  current_fiber->groups.push_back(current_fiber->copies.size());
}

void async_copy_wait(int newest) {
  const InModel model;
  Fiber& me = *current_fiber;
  if (me.groups.size() <= static_cast<size_t>(newest)) return;
  const size_t finished = me.groups.size() - static_cast<size_t>(newest), end = me.groups[finished - 1];
  for (size_t i = 0; i < end; ++i) {
    const PendingCopy& copy = me.copies[i];
    if (copy.from != nullptr) {
      std::memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
    } else {
      std::memset(copy.to, 0, static_cast<size_t>(copy.bytes));
    }
  }
  me.copies.erase(me.copies.begin(), me.copies.begin() + static_cast<ptrdiff_t>(end));
  me.groups.erase(me.groups.begin(), me.groups.begin() + static_cast<ptrdiff_t>(finished));
  for (size_t& group : me.groups) group -= end;
}

// ---- ldmatrix
// -----------------------------------------------------------------------------------------------------------

void ldmatrix(uint32_t* registers, int matrices, bool transposed, const void* shared_row) {
  const InModel model;
  struct Operand {
    uint32_t* registers;
    size_t offset;
  } mine{registers, shared_offset(shared_row, 16, 16, "ldmatrix")};
  warp_collective(~0u, "ldmatrix", &mine, Place::current(), [=](void** operands) {
    Counters& counters = current_block->counters;
    for (int i = 0; i < matrices; ++i) {
      uint16_t rows[8][8];
      unsigned in_bank[8] = {}, worst = 0;  // a row of 16 bytes takes four of the 32 banks
      for (int j = 0; j < 8; ++j) {
        const size_t offset = static_cast<Operand*>(operands[8 * i + j])->offset;
        std::memcpy(rows[j], current_block->dynamic + offset, 16);
        worst = std::max(worst, ++in_bank[offset / 16 % 8]);
      }
      ++counters.ldmatrix_phases;
      counters.ldmatrix_bank_conflicts += worst - 1;
      for (int lane = 0; lane < 32; ++lane) {
        const int g = lane / 4, t = lane % 4 * 2;
        const uint32_t low = transposed ? rows[t][g] : rows[g][t];
        const uint32_t high = transposed ? rows[t + 1][g] : rows[g][t + 1];
        static_cast<Operand*>(operands[lane])->registers[i] = low | high << 16;
      }
    }
  });
}

// ---- mma
// ----------------------------------------------------------------------------------------------------------------

namespace {

float widen_half(uint32_t pair, int half, bool bfloat16) {
  const auto bits = static_cast<uint16_t>(pair >> (16 * half));
  return bfloat16 ? widen(BFloat16{bits}) : widen(Float16{bits});
}

struct MatrixOperand {
  float* d;
  const uint32_t *a, *b;
};

/** D += A B for a warp's rows x columns fragments of 16x8, over `Inner` of the inner dimension.
 * `a_at(operand, i, e)` is element e of a lane's fragment i. */
template <int Inner, int ElementsA, int ElementsB, class ReadA, class PlaceA, class ReadB, class PlaceB>
void multiply(void** operands, int rows, int columns, ReadA read_a, PlaceA place_a, ReadB read_b,
              PlaceB place_b) {
  constexpr int kMostColumns = 32;
  alignas(64) float b[Inner][kMostColumns * 8], a[16][Inner], c[16][kMostColumns * 8];
  if (columns > kMostColumns) fault("mma: more than %d columns of fragments", kMostColumns);
  const int width = columns * 8;
  for (int lane = 0; lane < 32; ++lane) {
    const auto* o = static_cast<MatrixOperand*>(operands[lane]);
    for (int j = 0; j < columns; ++j) {
      for (int e = 0; e < ElementsB; ++e) b[place_b(lane, e)][j * 8 + lane / 4] = read_b(o->b, j, e);
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int lane = 0; lane < 32; ++lane) {
      const auto* o = static_cast<MatrixOperand*>(operands[lane]);
      for (int e = 0; e < ElementsA; ++e) {
        const auto [row, column] = place_a(lane, e);
        a[row][column] = read_a(o->a, i, e);
      }
      for (int j = 0; j < columns; ++j) {
        for (int e = 0; e < 4; ++e) {
          c[lane / 4 + e / 2 * 8][j * 8 + lane % 4 * 2 + e % 2] = o->d[(i * columns + j) * 4 + e];
        }
      }
    }
    for (int row = 0; row < 16; ++row) {
      for (int k = 0; k < Inner; ++k) {
        const float factor = a[row][k];
        for (int n = 0; n < width; ++n) c[row][n] += factor * b[k][n];
      }
    }
    for (int lane = 0; lane < 32; ++lane) {
      const auto* o = static_cast<MatrixOperand*>(operands[lane]);
      for (int j = 0; j < columns; ++j) {
        for (int e = 0; e < 4; ++e) {
          o->d[(i * columns + j) * 4 + e] = c[lane / 4 + e / 2 * 8][j * 8 + lane % 4 * 2 + e % 2];
        }
      }
    }
  }
}

}  // namespace

void mma_m16n8k16(float* d, const uint32_t* a, const uint32_t* b, int rows, int columns, bool bfloat16) {
  const InModel model;
  MatrixOperand mine{d, a, b};
  warp_collective(~0u, "mma.m16n8k16", &mine, Place::current(), [=](void** operands) {
    multiply<16, 8, 4>(
        operands, rows, columns,
        [=](const uint32_t* f, int i, int e) { return widen_half(f[i * 4 + e / 2], e % 2, bfloat16); },
        [](int lane, int e) {
          return std::pair{lane / 4 + e / 2 % 2 * 8, lane % 4 * 2 + e % 2 + e / 4 * 8};
        },
        [=](const uint32_t* f, int j, int e) { return widen_half(f[j * 2 + e / 2], e % 2, bfloat16); },
        [](int lane, int e) { return lane % 4 * 2 + e % 2 + e / 2 * 8; });
  });
}

void mma_m16n8k8_tf32(float* d, const uint32_t* a, const uint32_t* b, int rows, int columns) {
  const InModel model;
  // The tensor core reads the upper 19 bits and no others.
  auto value = [](uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); };
  MatrixOperand mine{d, a, b};
  warp_collective(~0u, "mma.m16n8k8", &mine, Place::current(), [=](void** operands) {
    multiply<8, 4, 2>(
        operands, rows, columns, [=](const uint32_t* f, int i, int e) { return value(f[i * 4 + e]); },
        [](int lane, int e) {
          return std::pair{lane / 4 + e % 2 * 8, lane % 4 + e / 2 * 4};
        },
        [=](const uint32_t* f, int j, int e) { return value(f[j * 2 + e]); },
        [](int lane, int e) { return lane % 4 + e * 4; });
  });
}

}  // namespace fusor::cuda::emulator
