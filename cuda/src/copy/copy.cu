// y[i0, i1, ...] = x[i0, i1, ...] for any two sets of strides: only bytes are moved, so element types are
// sizes here.
//
// Dimensions are brought into the destination's order in memory and joined. Then
// - one dimension without gaps on both sides: the copy engine's own copy;
// - both sides run along the same dimension: units as wide as sizes, strides and addresses allow, up to 16
// bytes;
// - the source runs along another dimension (NCHW to NHWC, a transposed matrix): tiles of 32 x 32 go through
// shared memory, so
//   that 32 neighbouring threads read neighbours and write neighbours. Rows of 33 keep the 32 threads that
//   read a column in 32 different banks;
// - neither has neighbours: element by element.
// Limit: a device copy's bandwidth. A warp moves 128 bytes of f32, or 64 of 16-bit floats, an access of a
// tile, which are whole sectors (32 bytes) in either case.
#include "copy/copy.h"

#include <algorithm>

#include "arch/device_api.h"
#include "arch/launch.h"
#include "arch/vector.h"
#include "backend/buffer.h"
#include "geometry/dimensions.h"

namespace fusor::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kTile = 32;
constexpr int kTileRows = 8;  // 256 threads

// Operand 0 is the destination, 1 the source.
template <class Unit>
__global__ void __launch_bounds__(kThreads)
    copy_kernel(Unit* destination, const Unit* source, Walk<2> walk, int64_t count) {
  begin_after_earlier_launches();
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count; i += step) {
    int64_t offset[2];
    walk.offsets(i, offset);
    destination[offset[0]] = source[offset[1]];
  }
}

// Dimension 0 runs in the destination, `across` in the source; `rest` walks over the others.
struct Transposition {
  int64_t along, across;       // sizes
  int64_t source_along;        // the source's stride of dimension 0
  int64_t destination_across;  // the destination's stride of the other one
  Divisor along_tiles, across_tiles;
  Walk<2> rest;
  int64_t tiles;
};

template <class Unit>
__global__ void __launch_bounds__(kTile* kTileRows)
    transpose_kernel(Unit* destination, const Unit* source, Transposition shape) {
  begin_after_earlier_launches();
  FUSOR_SHARED(Unit, tile, kTile * (kTile + 1));
  for (int64_t t = blockIdx.x; t < shape.tiles; t += gridDim.x) {
    const int64_t row_of_tiles = shape.along_tiles.quotient(t);
    const int64_t along = (t - row_of_tiles * shape.along_tiles.size) * kTile;
    const int64_t outer = shape.across_tiles.quotient(row_of_tiles);
    const int64_t across = (row_of_tiles - outer * shape.across_tiles.size) * kTile;
    int64_t offset[2];
    shape.rest.offsets(outer, offset);
    for (int i = threadIdx.y; i < kTile; i += kTileRows) {
      const int64_t a = along + i, b = across + threadIdx.x;
      if (a < shape.along && b < shape.across) {
        tile[i * (kTile + 1) + threadIdx.x] = source[offset[1] + a * shape.source_along + b];
      }
    }
    __syncthreads();
    for (int i = threadIdx.y; i < kTile; i += kTileRows) {
      const int64_t a = along + threadIdx.x, b = across + i;
      if (a < shape.along && b < shape.across) {
        destination[offset[0] + b * shape.destination_across + a] = tile[threadIdx.x * (kTile + 1) + i];
      }
    }
    __syncthreads();
  }
}

// Blocks that stay resident; the rest by the kernels' loops.
unsigned resident_blocks(const Stream& stream, int64_t wanted) {
  return static_cast<unsigned>(std::min<int64_t>(wanted, int64_t{8} * stream.properties->multiprocessors));
}

template <class Unit>
Status copy_units(Stream& stream, void* destination, const void* source, const Dimensions<2>& dimensions) {
  const int64_t count = dimensions.count();
  const LaunchShape shape(resident_blocks(stream, (count + kThreads - 1) / kThreads), kThreads);
  return launch_early(copy_kernel<Unit>, shape, stream, static_cast<Unit*>(destination),
                      static_cast<const Unit*>(source), dimensions.walk(), count);
}

template <class Unit>
Status transpose_units(Stream& stream, void* destination, const void* source, const Dimensions<2>& dimensions,
                       int across) {
  Transposition shape;
  shape.along = dimensions.sizes[0];
  shape.across = dimensions.sizes[across];
  shape.source_along = dimensions.strides[1][0];
  shape.destination_across = dimensions.strides[0][across];
  shape.along_tiles = Divisor((shape.along + kTile - 1) / kTile);
  shape.across_tiles = Divisor((shape.across + kTile - 1) / kTile);
  Dimensions<2> rest;
  for (int d = 1; d < dimensions.rank; ++d) {
    if (d == across) continue;
    rest.sizes[rest.rank] = dimensions.sizes[d];
    for (int k = 0; k < 2; ++k) rest.strides[k][rest.rank] = dimensions.strides[k][d];
    ++rest.rank;
  }
  rest.join();
  shape.rest = rest.walk();
  shape.tiles = rest.count() * shape.along_tiles.size * shape.across_tiles.size;
  const LaunchShape grid(resident_blocks(stream, shape.tiles), dim3(kTile, kTileRows));
  return launch_early(transpose_kernel<Unit>, grid, stream, static_cast<Unit*>(destination),
                      static_cast<const Unit*>(source), shape);
}

// The widest power of two of bytes, up to 16, in which rows along dimension 0 can be moved. Both sides run
// along it.
int64_t widest_unit(const Dimensions<2>& dimensions, int64_t size, const void* destination,
                    const void* source) {
  uint64_t bits = reinterpret_cast<uintptr_t>(destination) | reinterpret_cast<uintptr_t>(source) |
                  static_cast<uint64_t>(dimensions.sizes[0] * size) | 16;
  for (int d = 1; d < dimensions.rank; ++d)
    for (const auto& strides : dimensions.strides) bits |= static_cast<uint64_t>(strides[d] * size);
  return static_cast<int64_t>(bits & (~bits + 1));  // its lowest bit
}

Dimensions<2> in_units(Dimensions<2> dimensions, int64_t size, int64_t unit) {
  dimensions.sizes[0] = dimensions.sizes[0] * size / unit;
  for (int d = 1; d < dimensions.rank; ++d)
    for (auto& strides : dimensions.strides) strides[d] = strides[d] * size / unit;
  return dimensions;
}

// The dimension along which the source has no gaps, other than 0 and large enough for tiles to pay; -1 if
// there is none.
int transposed_dimension(const Dimensions<2>& dimensions) {
  constexpr int64_t least = 8;  // of 32 threads, a quarter has work
  if (dimensions.strides[0][0] != 1 || dimensions.sizes[0] < least) return -1;
  for (int d = 1; d < dimensions.rank; ++d)
    if (dimensions.strides[1][d] == 1 && dimensions.sizes[d] >= least) return d;
  return -1;
}

}  // namespace

Status copy_elements(Stream& stream, const fusor_buffer& source, const fusor_buffer& destination) {
  if (element_count(destination) == 0) return {};
  const int64_t size = element_size(destination.dtype);
  Dimensions<2> dimensions;
  for (int32_t d = 0; d < destination.rank; ++d)
    dimensions.add(destination.sizes[d], {destination.strides[d], source.strides[d]});
  dimensions.order(0);
  void* const to = data_pointer(destination);
  const void* const from = data_pointer(source);
  const bool runs_along_one =
      dimensions.rank == 0 || (dimensions.strides[0][0] == 1 && dimensions.strides[1][0] == 1);
  if (dimensions.rank == 0 || (dimensions.rank == 1 && runs_along_one))
    return device::copy(to, from, dimensions.count() * size, stream.handle);

  int64_t unit = size;
  if (runs_along_one) {
    unit = widest_unit(dimensions, size, to, from);
    dimensions = in_units(dimensions, size, unit);
  } else if (const int across = transposed_dimension(dimensions); across > 0) {
    switch (size) {
      case 1:
        return transpose_units<uint8_t>(stream, to, from, dimensions, across);
      case 2:
        return transpose_units<uint16_t>(stream, to, from, dimensions, across);
      case 4:
        return transpose_units<uint32_t>(stream, to, from, dimensions, across);
      default:
        return transpose_units<uint64_t>(stream, to, from, dimensions, across);
    }
  }
  switch (unit) {
    case 1:
      return copy_units<uint8_t>(stream, to, from, dimensions);
    case 2:
      return copy_units<uint16_t>(stream, to, from, dimensions);
    case 4:
      return copy_units<uint32_t>(stream, to, from, dimensions);
    case 8:
      return copy_units<uint64_t>(stream, to, from, dimensions);
    default:
      return copy_units<Vector<uint32_t, 4>>(stream, to, from, dimensions);
  }
}

}  // namespace fusor::cuda
