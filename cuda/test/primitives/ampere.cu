#include <bit>
#include <cmath>

#include "arch/async_copy.h"
#include "arch/barrier.h"
#include "arch/launch.h"
#include "arch/matrix.h"
#include "arch/vector.h"
#include "arch/warp.h"
#include "primitives.h"

namespace fusor::cuda::primitives {
namespace {

// ---- conversions
// --------------------------------------------------------------------------------------------------------

template <class T>
__global__ void widen_all(float* out) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  const auto bits = static_cast<uint16_t>(i);
  T value;
  memcpy(&value, &bits, sizeof value);
  out[i] = to_float(value);
}

template <class T>
__global__ void narrow(const float* in, uint16_t* out, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  const T value = from_float<T>(in[i]);
  memcpy(out + i, &value, sizeof value);
}

__global__ void round_tf32(const float* in, uint32_t* out, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) out[i] = to_tf32(in[i]);
}

/** The value of a 16-bit float by its definition. */
double value_of(uint16_t bits, int exponent_bits, int mantissa_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1,
            exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1);
  const double mantissa = (bits & ((1 << mantissa_bits) - 1)) / std::ldexp(1.0, mantissa_bits);
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? std::ldexp(mantissa, 1 - bias) : std::ldexp(1 + mantissa, exponent - bias));
}

template <class T>
void test_conversions(Stream& stream, Report& report, const char* name, int exponent_bits,
                      int mantissa_bits) {
  constexpr int kAll = 65536;
  Buffer<float> wide(kAll);
  require(launch(widen_all<T>, LaunchShape(kAll / 256, 256), stream, wide.data()));
  const std::vector<float> widened = wide.read();
  bool right = true;
  std::vector<float> inputs;
  for (int i = 0; i < kAll; ++i) {
    const double expected = value_of(static_cast<uint16_t>(i), exponent_bits, mantissa_bits);
    const float got = widened[static_cast<size_t>(i)];
    right = right && (std::isnan(expected) ? std::isnan(got) : got == static_cast<float>(expected));
    // Each value, its neighbours in float, and the middle to the next one up with its neighbours: every case
    // of rounding.
    if (std::isnan(expected)) continue;
    const double next = value_of(static_cast<uint16_t>(i + 1), exponent_bits, mantissa_bits);
    const auto middle = static_cast<float>((expected + next) / 2);
    for (const float base : {static_cast<float>(expected), std::isfinite(middle) ? middle : 0.f}) {
      inputs.insert(inputs.end(), {base, std::nextafter(base, INFINITY), std::nextafter(base, -INFINITY)});
    }
  }
  report.add((std::string(name) + ": to float, all 65536").c_str(), right);

  const int count = static_cast<int>(inputs.size());
  const Buffer<float> in(inputs);
  Buffer<uint16_t> out(inputs.size());
  require(launch(narrow<T>, LaunchShape(blocks_for(count, 256), 256), stream, in.data(), out.data(), count));
  const std::vector<uint16_t> narrowed = out.read();
  right = true;
  std::string first_wrong;
  const uint16_t infinity = static_cast<uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
  for (size_t i = 0; i < inputs.size(); ++i) {
    // Nearest by search among the neighbours of what came out: nothing is closer, and ties have an even
    // mantissa.
    const uint16_t bits = narrowed[i], magnitude = bits & 0x7fff;
    const double x = std::fabs(static_cast<double>(inputs[i]));
    if (std::isnan(inputs[i])) continue;
    bool nearest = std::signbit(inputs[i]) == (bits >> 15 != 0) && magnitude <= infinity;
    // Beyond the greatest finite value the next step of the same size stands for infinity.
    const auto at = [&](int m) {
      if (m < infinity) return value_of(static_cast<uint16_t>(m), exponent_bits, mantissa_bits);
      const double last = value_of(static_cast<uint16_t>(infinity - 1), exponent_bits, mantissa_bits);
      return last + (last - value_of(static_cast<uint16_t>(infinity - 2), exponent_bits, mantissa_bits));
    };
    const bool past_all = magnitude == infinity && x >= at(infinity);
    const double error = std::fabs(x - at(magnitude));
    const double below = magnitude > 0 ? std::fabs(x - at(magnitude - 1)) : INFINITY;
    const double above = magnitude < infinity ? std::fabs(x - at(magnitude + 1)) : INFINITY;
    if (!past_all) {
      nearest = nearest && error <= below && error <= above;
      if (error == below || error == above) nearest = nearest && magnitude % 2 == 0;
    }
    right = right && nearest;
    if (!nearest && first_wrong.empty()) {
      char text[64];
      std::snprintf(text, sizeof text, "%a became 0x%04x", static_cast<double>(inputs[i]), bits);
      first_wrong = text;
    }
  }
  report.add((std::string(name) + ": from float, nearest even").c_str(), right, first_wrong);
}

void test_tf32(Stream& stream, Report& report) {
  std::vector<float> inputs;
  for (uint32_t exponent : {1u, 100u, 127u, 200u, 254u}) {
    for (uint32_t low = 0; low < 0x6000; low += 0x7ff) {
      for (const uint32_t sign : {0u, 1u}) {
        inputs.push_back(std::bit_cast<float>(sign << 31 | exponent << 23 | 0x2a0000u | low));
      }
    }
  }
  const int count = static_cast<int>(inputs.size());
  const Buffer<float> in(inputs);
  Buffer<uint32_t> out(inputs.size());
  require(launch(round_tf32, LaunchShape(blocks_for(count, 256), 256), stream, in.data(), out.data(), count));
  std::vector<uint32_t> expected;
  for (const float x : inputs) {
    // To 10 bits of mantissa, ties away from zero. The low 13 bits that come out are not specified to be
    // zero.
    expected.push_back((std::bit_cast<uint32_t>(x) + 0x1000u) & 0xffffe000u);
  }
  std::vector<uint32_t> got = out.read();
  for (uint32_t& bits : got) bits &= 0xffffe000u;
  report.add("tf32: nearest, ties away from zero", same(got, expected));
}

// ---- warps
// --------------------------------------------------------------------------------------------------------------

constexpr int kShuffles = 7;

__global__ void shuffles(int* out) {
  const int lane = lane_index(), value = 100 + lane;
  int* mine = out + lane * kShuffles;
  mine[0] = __shfl_xor_sync(kFullWarp, value, 5);
  mine[1] = __shfl_up_sync(kFullWarp, value, 3);
  mine[2] = __shfl_down_sync(kFullWarp, value, 7);
  mine[3] = __shfl_sync(kFullWarp, value, 11);
  mine[4] = __shfl_down_sync(kFullWarp, value, 3, 8);
  mine[5] = __shfl_sync(kFullWarp, value, lane + 1, 16);
  mine[6] = static_cast<int>(__ballot_sync(kFullWarp, lane % 3 == 0));
}

void test_shuffles(Stream& stream, Report& report) {
  Buffer<int> out(32 * kShuffles);
  require(launch(shuffles, LaunchShape(1, 32), stream, out.data()));
  std::vector<int> expected;
  unsigned thirds = 0;
  for (int lane = 0; lane < 32; lane += 3) thirds |= 1u << lane;
  for (int lane = 0; lane < 32; ++lane) {
    expected.insert(expected.end(),
                    {100 + (lane ^ 5), 100 + (lane < 3 ? lane : lane - 3),
                     100 + (lane + 7 > 31 ? lane : lane + 7), 111, 100 + (lane % 8 + 3 > 7 ? lane : lane + 3),
                     100 + lane / 16 * 16 + (lane + 1) % 16, static_cast<int>(thirds)});
  }
  report.add("shuffles and ballot", same(out.read(), expected));
}

// ---- cp.async
// -----------------------------------------------------------------------------------------------------------

template <int Bytes>
__global__ void copy_asynchronously(const unsigned char* in, unsigned char* out, int valid_below) {
  FUSOR_DYNAMIC_SHARED(unsigned char, shared);
  const int i = threadIdx.x;
  async_copy<Bytes>(shared + i * Bytes, in + i * Bytes, i < valid_below);
  async_copy_commit();
  async_copy_wait<0>();
  __syncthreads();
  const int other = static_cast<int>(blockDim.x) - 1 - i;
  for (int b = 0; b < Bytes; ++b) out[other * Bytes + b] = shared[other * Bytes + b];
}

template <int Bytes>
void test_async_copy(Stream& stream, Report& report) {
  constexpr int kThreads = 64, kValid = 50;
  std::vector<unsigned char> bytes(kThreads * Bytes);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i * 7 + 1);
  const Buffer<unsigned char> in(bytes);
  Buffer<unsigned char> out(bytes.size());
  require(launch(copy_asynchronously<Bytes>, LaunchShape(1, kThreads, bytes.size()), stream, in.data(),
                 out.data(), kValid));
  std::fill(bytes.begin() + kValid * Bytes, bytes.end(), static_cast<unsigned char>(0));
  report.add(("cp.async of " + std::to_string(Bytes) + " bytes, zeros where not valid").c_str(),
             same(out.read(), bytes));
}

// ---- ldmatrix, mma
// ------------------------------------------------------------------------------------------------------

/** Loads the four 8 x 8 matrices of 16-bit numbers 0 to 255 in three ways. */
__global__ void load_matrices(uint32_t* out) {
  FUSOR_DYNAMIC_SHARED(uint16_t, shared);
  const int lane = lane_index();
  for (int i = lane; i < 256; i += 32) shared[i] = static_cast<uint16_t>(i);
  __syncwarp();
  uint32_t plain[4], transposed[4], two[2];
  ldmatrix_x4(plain, shared + lane * 8);
  ldmatrix_x4_transposed(transposed, shared + lane * 8);
  ldmatrix_x2(two, shared + lane % 16 * 8);
  for (int i = 0; i < 4; ++i) {
    out[lane * 10 + i] = plain[i];
    out[lane * 10 + 4 + i] = transposed[i];
    if (i < 2) out[lane * 10 + 8 + i] = two[i];
  }
}

void test_ldmatrix(Stream& stream, Report& report) {
  Buffer<uint32_t> out(32 * 10);
  require(launch(load_matrices, LaunchShape(1, 32, 512), stream, out.data()));
  std::vector<uint32_t> expected(32 * 10);
  const auto element = [](int matrix, int row, int column) {
    return static_cast<uint32_t>(matrix * 64 + row * 8 + column);
  };
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane / 4, t = lane % 4 * 2;
    uint32_t* mine = &expected[static_cast<size_t>(lane) * 10];
    for (int i = 0; i < 4; ++i) {
      mine[i] = element(i, g, t) | element(i, g, t + 1) << 16;
      mine[4 + i] = element(i, t, g) | element(i, t + 1, g) << 16;
      if (i < 2) mine[8 + i] = mine[i];
    }
  }
  report.add("ldmatrix x4, x4 transposed, x2", same(out.read(), expected));
}

template <class T>
FUSOR_DEVICE uint32_t pack(float low, float high) {
  const T pair[2] = {from_float<T>(low), from_float<T>(high)};
  uint32_t bits;
  memcpy(&bits, pair, sizeof bits);
  return bits;
}

/** D = A B + C for 16 x 16 by 16 x 8, row-major in memory, fragments by the manual's tables. */
template <class T>
__global__ void multiply_16(const float* a, const float* b, float* d) {
  const int g = lane_index() / 4, t = lane_index() % 4;
  uint32_t fa[1][4], fb[1][2];
  for (int i = 0; i < 4; ++i) {
    const int row = g + i % 2 * 8, column = t * 2 + i / 2 * 8;
    fa[0][i] = pack<T>(a[row * 16 + column], a[row * 16 + column + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    const int row = t * 2 + i * 8;
    fb[0][i] = pack<T>(b[row * 8 + g], b[(row + 1) * 8 + g]);
  }
  float sums[1][1][4];
  for (int i = 0; i < 4; ++i) sums[0][0][i] = d[(g + i / 2 * 8) * 8 + t * 2 + i % 2];
  mma_tile<T>(sums, fa, fb);
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + t * 2 + i % 2] = sums[0][0][i];
}

__global__ void multiply_tf32(const float* a, const float* b, float* d) {
  const int g = lane_index() / 4, t = lane_index() % 4;
  uint32_t fa[1][4], fb[1][2];
  for (int i = 0; i < 4; ++i) fa[0][i] = to_tf32(a[(g + i % 2 * 8) * 8 + t + i / 2 * 4]);
  for (int i = 0; i < 2; ++i) fb[0][i] = to_tf32(b[(t + i * 4) * 8 + g]);
  float sums[1][1][4];
  for (int i = 0; i < 4; ++i) sums[0][0][i] = d[(g + i / 2 * 8) * 8 + t * 2 + i % 2];
  mma_tile_tf32(sums, fa, fb);
  for (int i = 0; i < 4; ++i) d[(g + i / 2 * 8) * 8 + t * 2 + i % 2] = sums[0][0][i];
}

template <class Kernel>
void test_mma(Stream& stream, Report& report, const char* name, int inner, Kernel kernel) {
  // Integers so small that every order of the sum is exact.
  std::vector<float> a(static_cast<size_t>(16 * inner)), b(static_cast<size_t>(inner * 8)), d(16 * 8);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(static_cast<int>(i * 37 % 17) - 8);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(static_cast<int>(i * 23 % 13) - 6);
  for (size_t i = 0; i < d.size(); ++i) d[i] = static_cast<float>(i);
  const Buffer<float> da(a), db(b), dd(d);
  require(launch(kernel, LaunchShape(1, 32), stream, da.data(), db.data(), dd.data()));
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      for (int k = 0; k < inner; ++k) {
        d[static_cast<size_t>(row * 8 + column)] +=
            a[static_cast<size_t>(row * inner + k)] * b[static_cast<size_t>(k * 8 + column)];
      }
    }
  }
  report.add(name, same(dd.read(), d));
}

// ---- barriers
// -----------------------------------------------------------------------------------------------------------

/** The second warp waits for what the first has written; both meet at barrier 2. */
__global__ void hand_over(int* out) {
  FUSOR_DYNAMIC_SHARED(int, shared);
  constexpr int kWritten = 1, kBoth = 64;
  if (warp_index() == 0) {
    shared[lane_index()] = lane_index() * 3;
    named_barrier_arrive(kWritten, kBoth);
  } else {
    named_barrier_wait(kWritten, kBoth);
    out[lane_index()] = shared[31 - lane_index()];
  }
  named_barrier_wait(2, kBoth);
}

}  // namespace

void test_ampere(Stream& stream, Report& report) {
  test_conversions<bf16>(stream, report, "bf16", 8, 7);
  test_conversions<f16>(stream, report, "f16", 5, 10);
  test_tf32(stream, report);
  test_shuffles(stream, report);
  test_async_copy<4>(stream, report);
  test_async_copy<8>(stream, report);
  test_async_copy<16>(stream, report);
  test_ldmatrix(stream, report);
  test_mma(stream, report, "mma m16n8k16 bf16", 16, multiply_16<bf16>);
  test_mma(stream, report, "mma m16n8k16 f16", 16, multiply_16<f16>);
  test_mma(stream, report, "mma m16n8k8 tf32", 8, multiply_tf32);
  Buffer<int> out(32);
  require(launch(hand_over, LaunchShape(1, 64, 128), stream, out.data()));
  std::vector<int> expected;
  for (int lane = 0; lane < 32; ++lane) expected.push_back((31 - lane) * 3);
  report.add("named barriers, arriving and waiting", same(out.read(), expected));
}

}  // namespace fusor::cuda::primitives
