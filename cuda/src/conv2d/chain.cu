#include "conv2d/chain.h"

#include <algorithm>
#include <cmath>

#include "arch/types.h"
#include "conv2d/chain_cost.h"
#include "conv2d/chain_shapes.h"

namespace fusor::cuda {

namespace chain_detail {
template <class T>
Status run_chain(Stream& stream, const Problem& problem, const ChainChoice& choice);
}

namespace {

using namespace chain_detail;

void set_bounds(const fusor_activation& activation, float& low, float& high) {
  const bool clamp = activation.kind == FUSOR_ACTIVATION_CLAMP;
  low = activation.kind == FUSOR_ACTIVATION_RELU ? 0.f : clamp ? activation.low : -INFINITY;
  high = clamp ? activation.high : INFINITY;
}

Problem problem_of(const ChainArguments& a, int tile_pixels) {
  Problem p{};
  p.rows = static_cast<int>(a.n * a.h * a.w);
  p.h = a.h;
  p.w = a.w;
  p.c = a.c;
  p.k1 = a.k1;
  p.k2 = a.k2;
  p.k3 = a.k3;
  p.slabs = round_up(a.c, kSlab) / kSlab;
  p.groups = round_up(a.k2, kGroup) / kGroup;
  p.ring = ring_pixels(tile_pixels, a.w);
  p.tiles = (p.rows + tile_pixels - 1) / tile_pixels;
  p.x = a.x;
  p.weight1 = a.weight1;
  p.weight2 = a.weight2;
  p.weight3 = a.weight3;
  p.bias1 = a.bias1;
  p.bias2 = a.bias2;
  p.bias3 = a.bias3;
  p.residual = a.has_residual ? a.residual : nullptr;
  p.y = a.y;
  p.z = a.z;
  set_bounds(a.activation1, p.low[0], p.high[0]);
  set_bounds(a.activation2, p.low[1], p.high[1]);
  set_bounds(a.activation3, p.low[2], p.high[2]);
  return p;
}

std::string kibibytes(int bytes) {
  return std::to_string((bytes + 1023) / 1024) + " KiB";
}

/** Why the kernel cannot compute this, whatever the card; empty where it can. */
std::string refusal(const ChainArguments& a) {
  const auto bounds = [](const fusor_activation& activation) {
    return activation.kind == FUSOR_ACTIVATION_NONE || activation.kind == FUSOR_ACTIVATION_RELU ||
           activation.kind == FUSOR_ACTIVATION_CLAMP;
  };
  if (a.dtype != FUSOR_F16 && a.dtype != FUSOR_BF16) return "f16 and bf16 only";
  if (a.c < 8 || a.k1 < 8 || a.k2 < 8 || a.c % 8 != 0 || a.k1 % 8 != 0 || a.k2 % 8 != 0 || a.k3 % 8 != 0) {
    return "channels are no multiples of 8";
  }
  if (a.k1 > 128 || a.k3 > 128) return "sums of more than 128 channels do not fit registers";
  if (!bounds(a.activation1) || !bounds(a.activation2) || !bounds(a.activation3))
    return "activations other than ReLU";
  // Places in a tensor are counted in 64 bits, pixels and a filter's weights in 32.
  constexpr int64_t kMost = int64_t{1} << 30;
  if (a.n * a.h * a.w >= kMost || a.w >= 1 << 20 || a.c >= 1 << 20 || a.k2 >= 1 << 20) return "too large";
  if (a.n * a.h * a.w == 0) return "no pixels";
  return {};
}

}  // namespace

ChainChoice choose_chain(const DeviceProperties& device, const ChainArguments& a) {
  ChainChoice best;
  best.reason = refusal(a);
  if (!best.possible()) return best;
  const int n1 = a.k1 <= 64 ? 64 : 128, n3 = a.k3 == 0 ? 0 : a.k3 <= 64 && n1 == 64 ? 64 : 128;
  const double separate = separate_clocks(device, a);
  int64_t least = 0;  // shared memory of the kernel that asks for least
  double clocks = 0;
  for_each_shape<unsigned short>([&]<class S>(S) {  // bf16 and f16 have the same sizes
    if (S::N1 != n1 || S::N3 != n3) return;
    const Problem p = problem_of(a, S::kPixels);
    const int64_t patch = int64_t{p.slabs} * p.ring * kSlabRowBytes,
                  weights =
                      S::Resident
                          ? (int64_t{kTaps} * p.slabs * S::kTapBytes + int64_t{p.groups} * S::kGroupBytes)
                          : int64_t{S::kStages} * S::kStageBytes;
    if (patch + weights > device.shared_bytes_per_block) {  // also keeps the layout within 32 bits
      if (least == 0 || patch + weights < least) least = patch + weights;
      return;
    }
    const int bytes = SharedLayout::of<S>(p).bytes;
    if (least == 0 || bytes < least) least = bytes;
    if (bytes > device.shared_bytes_per_block) return;
    constexpr int kReserved = 1024;  // of every block's shared memory, by the driver
    const int sharing =
        std::clamp(device.shared_bytes_per_multiprocessor / (bytes + kReserved), 1, S::kBlocks);
    ChainChoice choice;
    choice.n1 = S::N1;
    choice.n3 = S::N3;
    choice.fragments = S::Fragments;
    choice.resident = S::Resident;
    choice.blocks = std::min(p.tiles, std::max(1, device.multiprocessors) * sharing);
    choice.shared_bytes = bytes;
    const double expected = chain_clocks(device, a, choice);
    choice.gain = separate / expected;
    if (clocks != 0 && expected >= clocks) return;
    clocks = expected;
    best = choice;
  });
  if (clocks == 0) {
    best.reason = "needs " + kibibytes(static_cast<int>(std::min<int64_t>(least, 1 << 30))) +
                  " of shared memory, and a block has " + kibibytes(device.shared_bytes_per_block);
  }
  return best;
}

Status chain(Stream& stream, const ChainArguments& a, const ChainChoice& choice) {
  if (const std::string reason = refusal(a); !reason.empty())
    return {FUSOR_ERROR_UNSUPPORTED, "chain: " + reason};
  for (const void* pointer : {a.x, a.weight1, a.weight2, a.weight3, a.residual, static_cast<const void*>(a.y),
                              static_cast<const void*>(a.z)}) {
    if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0) {
      return {FUSOR_ERROR_INTERNAL, "chain: tensors must be aligned to 16 bytes"};
    }
  }
  const Problem problem = problem_of(a, kWarps * 16 * choice.fragments);
  return a.dtype == FUSOR_BF16 ? run_chain<bf16>(stream, problem, choice)
                               : run_chain<f16>(stream, problem, choice);
}

std::string describe(const ChainArguments& a, const ChainChoice& choice) {
  std::string text = "chain 3x3 " + std::to_string(a.k1) + ", 1x1 " + std::to_string(a.k2);
  if (a.k3 > 0) text += ", 1x1 " + std::to_string(a.k3);
  if (!choice.possible()) return text + ": " + choice.reason;
  return text + ": tiles of " + std::to_string(kWarps * 16 * choice.fragments) + " pixels, weights " +
         (choice.resident ? "resident" : "streamed") + ", " + kibibytes(choice.shared_bytes) + " shared";
}

}  // namespace fusor::cuda
