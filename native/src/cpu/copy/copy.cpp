#include "cpu/copy/copy.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "cpu/geometry.h"

namespace fusor::cpu {
namespace {

struct Dimension {
  int64_t size, source, destination;  // strides in elements
};

// The walk through both buffers: dimensions of size 1 left out, ordered by the destination's strides so that
// writes are sequential, and neighbours that lie as one in both joined. At least one is left, the innermost
// last.
struct Walk {
  Dimension dimensions[FUSOR_MAX_RANK];
  int rank = 0;

  Walk(const fusor_buffer& source, const fusor_buffer& destination) {
    int count = 0;
    for (int32_t i = 0; i < source.rank; ++i) {
      if (source.sizes[i] != 1)
        dimensions[count++] = {source.sizes[i], source.strides[i], destination.strides[i]};
    }
    std::stable_sort(dimensions, dimensions + count,
                     [](const Dimension& a, const Dimension& b) { return a.destination > b.destination; });
    for (int i = 0; i < count; ++i) {
      const Dimension inner = dimensions[i];
      Dimension* const outer = rank > 0 ? &dimensions[rank - 1] : nullptr;
      if (outer && outer->source == inner.source * inner.size &&
          outer->destination == inner.destination * inner.size) {
        *outer = {outer->size * inner.size, inner.source, inner.destination};
      } else {
        dimensions[rank++] = inner;
      }
    }
    if (rank == 0) dimensions[rank++] = {1, 1, 1};
  }

  Dimension take_out(int index) {
    const Dimension taken = dimensions[index];
    std::copy(dimensions + index + 1, dimensions + rank, dimensions + index);
    --rank;
    return taken;
  }
  int64_t combinations() const {
    int64_t count = 1;
    for (int i = 0; i < rank; ++i) count *= dimensions[i].size;
    return count;
  }
  // Offsets of a combination of all dimensions, in elements.
  void locate(int64_t combination, int64_t& source, int64_t& destination) const {
    source = destination = 0;
    for (int i = rank - 1; i >= 0; --i) {
      const int64_t index = combination % dimensions[i].size;
      combination /= dimensions[i].size;
      source += index * dimensions[i].source;
      destination += index * dimensions[i].destination;
    }
  }
};

template <class T>
void copy_row(const char* source, int64_t source_stride, char* destination, int64_t destination_stride,
              int64_t count) {
  const T* from = reinterpret_cast<const T*>(source);
  T* to = reinterpret_cast<T*>(destination);
  if (source_stride == 1 && destination_stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
  } else if (source_stride == 0 && destination_stride == 1) {
    std::fill_n(to, count, *from);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i * destination_stride] = from[i * source_stride];
  }
}

// Elements handed out at once.
constexpr int64_t kItem = 16 * 1024;

void copy_rows(Pool& pool, int threads, Walk walk, const char* from, char* to, int64_t size) {
  const auto copy = size == 1   ? copy_row<uint8_t>
                    : size == 2 ? copy_row<uint16_t>
                    : size == 4 ? copy_row<uint32_t>
                                : copy_row<uint64_t>;
  const Dimension inner = walk.take_out(walk.rank - 1);
  const int64_t total = walk.combinations() * inner.size;
  WorkShares shares((total + kItem - 1) / kItem, threads);
  pool.share(threads, [&](const Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t end = std::min(total, (item + 1) * kItem);
      for (int64_t element = item * kItem; element < end;) {
        const int64_t position = element % inner.size, count = std::min(end - element, inner.size - position);
        int64_t source, destination;
        walk.locate(element / inner.size, source, destination);
        copy(from + (source + position * inner.source) * size, inner.source,
             to + (destination + position * inner.destination) * size, inner.destination, count);
        element += count;
      }
    }
  });
}

// The destination's innermost dimension steps through the source, and `rows`, another one, is contiguous
// there.
void copy_transposed(const KernelSet& kernels, Pool& pool, int threads, Walk walk, int rows_index,
                     const char* from, char* to, int64_t size) {
  // Blocks of 64 x 256 elements: their lines and pages (256 on the side that is read) stay within the TLB's
  // reach.
  constexpr int64_t kRows = 64, kColumns = 256;
  const auto transpose = kernels.copy->transpose[std::countr_zero(static_cast<uint64_t>(size))];
  const Dimension columns = walk.take_out(walk.rank - 1), rows = walk.take_out(rows_index);
  const int64_t row_blocks = (rows.size + kRows - 1) / kRows,
                column_blocks = (columns.size + kColumns - 1) / kColumns;
  WorkShares shares(walk.combinations() * row_blocks * column_blocks, threads);
  pool.share(threads, [&](const Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t column = item % column_blocks * kColumns, row = item / column_blocks % row_blocks * kRows;
      int64_t source, destination;
      walk.locate(item / column_blocks / row_blocks, source, destination);
      transpose(from + (source + row + column * columns.source) * size, columns.source,
                to + (destination + row * rows.destination + column) * size, rows.destination,
                std::min(kRows, rows.size - row), std::min(kColumns, columns.size - column));
    }
  });
}

}  // namespace

void copy_strided(const KernelSet& kernels, Pool& pool, int threads, const fusor_buffer& source,
                  const fusor_buffer& destination) {
  if (element_count(source) == 0) return;
  const Walk walk(source, destination);
  const char* const from = static_cast<const char*>(buffer_data(source));
  char* const to = static_cast<char*>(buffer_data(destination));
  const int64_t size = element_size(source.dtype);
  const Dimension inner = walk.dimensions[walk.rank - 1];
  if (inner.destination == 1 && inner.source > 1) {
    for (int i = 0; i < walk.rank - 1; ++i) {
      if (walk.dimensions[i].source == 1)
        return copy_transposed(kernels, pool, threads, walk, i, from, to, size);
    }
  }
  copy_rows(pool, threads, walk, from, to, size);
}

}  // namespace fusor::cpu
