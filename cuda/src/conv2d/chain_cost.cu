#include "conv2d/chain_cost.h"

#include <algorithm>
#include <cmath>

#include "conv2d/chain_layout.h"

namespace fusor::cuda::chain_detail {
namespace {

constexpr double kUnhidden =
    0.25;  // of the shorter of two that overlap: a guess until a card has been measured
constexpr double kTilePixels = kWarps * 16;
constexpr double kLaunch = 3000;  // clocks from one kernel's last block to the next one's first results

double overlapped(double arithmetic, double memory) {
  return std::max(arithmetic, memory) + kUnhidden * std::min(arithmetic, memory);
}

}  // namespace

// Tensor cores: sm_80 has 1024 multiply-adds a clock for mma.sync, 8.6, 8.9 and 12.0 half of that, at 80 %:
// what tuned kernels reach. 9.0 has 2048 for wgmma; of the chain an H100 showed 370 (64-64-256-64 at 56 x 56,
// batch 256: 0.671 ms, single kernels 0.708). Memory at 90 % of: A100 2.0 TB/s over 108 multiprocessors
// at 1.41 GHz; 3090 0.94 over 82 at 1.70; 4090 1.01 over 128 at 2.52; H200 4.3 measured over 132 at 1.76;
// B200 8.0 over 148 at 1.9; 5090 1.79 over 170 at 2.41.
Rates rates_of(const DeviceProperties& device) {
  switch (device.capability()) {
    case 80:
      return {820, 820, 11.8};
    case 86:
      return {410, 410, 6.1};
    case 89:
      return {410, 410, 2.8};
    case 90:
      return {1640, 370, 16.7};
    default:
      return device.major >= 12 ? Rates{410, 410, 3.9} : Rates{820, 820, 25.6};
  }
}

double separate_clocks(const DeviceProperties& device, const ChainArguments& a) {
  const Rates rates = rates_of(device);
  const double pixels = static_cast<double>(a.n) * a.h * a.w,
               multiprocessors = std::max(1, device.multiprocessors);
  constexpr double kBytes = 2;
  // Weights stay in the L2. Tiles have 64 channels at least.
  const auto kernel = [&](double inputs, double products, double outputs) {
    const double tiles = std::ceil(pixels / kTilePixels / multiprocessors) * kTilePixels;
    return overlapped(tiles * products / rates.convolution,
                      pixels / multiprocessors * kBytes * (inputs + outputs) / rates.bytes) +
           kLaunch;
  };
  const auto wide = [](int channels) { return round_up(channels, 64); };
  double clocks = kernel(a.c, double{kTaps} * wide(a.c) * wide(a.k1), a.k1) +
                  kernel(a.k1 + (a.has_residual ? a.k2 : 0), double(wide(a.k1)) * wide(a.k2), a.k2);
  if (a.k3 > 0) clocks += kernel(a.k2, double(wide(a.k2)) * wide(a.k3), a.k3);
  return clocks;
}

double chain_clocks(const DeviceProperties& device, const ChainArguments& a, const ChainChoice& choice) {
  const Rates rates = rates_of(device);
  const double pixels = static_cast<double>(a.n) * a.h * a.w,
               pixels_per_tile = kTilePixels * choice.fragments;
  const double tiles = std::ceil(std::ceil(pixels / pixels_per_tile) / choice.blocks) *
                       std::ceil(choice.blocks / static_cast<double>(std::max(1, device.multiprocessors)));
  const double k2 = round_up(a.k2, kGroup), slabs = round_up(a.c, kSlab) / kSlab;
  // Of a pixel; there are as many weights.
  const double products = kTaps * slabs * kSlab * choice.n1 + k2 * choice.n1 + k2 * choice.n3;
  // Shared memory gives 128 bytes a clock. For 16 pixels' operands A (32 bytes each) a warp multiplies with 8
  // n channels' operands B; those it reads once for all its fragments.
  constexpr double kSharedBytes = 128;
  const double from_shared = (products / 8 / choice.fragments + products / choice.n1 * 2) / kSharedBytes;
  double arithmetic = std::max(products / rates.chain, from_shared) * pixels_per_tile;
  double start = kLaunch;
  constexpr double kL2Bytes = 40;  // a clock and multiprocessor, when all of them read
  if (choice.resident) {
    start += products * 2 / kL2Bytes;
  } else {
    constexpr double kBarrier = 60;
    arithmetic = std::max(arithmetic, products * 2 / kL2Bytes) + kBarrier * (kTaps * slabs + k2 / kGroup);
  }
  const double bytes = 2.0 * (a.c + (a.has_residual ? 2 : 1) * a.k2 + a.k3) * pixels_per_tile;
  return tiles * overlapped(arithmetic, bytes / rates.bytes) + start;
}

}  // namespace fusor::cuda::chain_detail
