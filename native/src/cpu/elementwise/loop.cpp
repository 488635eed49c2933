#include "cpu/elementwise/loop.h"

#include <cstring>

#include "cpu/layout/convert.h"

namespace fusor::cpu {
namespace {

template <class T>
void copy_strided(const char* source, int64_t stride, int64_t count, char* destination) {
  T* to = reinterpret_cast<T*>(destination);
  for (int64_t i = 0; i < count; ++i) to[i] = *reinterpret_cast<const T*>(source + i * stride);
}

// Whether elements that are neighbours in logical order lie apart, while another dimension's are neighbours
// in memory.
bool lies_transposed(const fusor_buffer& buffer) {
  constexpr int64_t kLeast = 4096;  // elements; fewer stay in L1 however they lie
  if (buffer.layout != FUSOR_LAYOUT_STRIDED || element_count(buffer) < kLeast) return false;
  int32_t inner = buffer.rank - 1;
  while (inner > 0 && buffer.sizes[inner] == 1) --inner;
  if (buffer.strides[inner] <= 1) return false;
  for (int32_t d = 0; d < inner; ++d) {
    if (buffer.strides[d] == 1 && buffer.sizes[d] > 1) return true;
  }
  return false;
}

}  // namespace

fusor_status straighten(OpContext& context, const fusor_buffer** inputs, int count, fusor_buffer* copies) {
  for (int i = 0; i < count; ++i) {
    if (!lies_transposed(*inputs[i])) continue;
    copies[i] = *inputs[i];
    describe_contiguous(copies[i]);
    copies[i].data = context.scratch.allocate(copies[i].byte_size);
    if (!copies[i].data) {
      return fail(FUSOR_ERROR_OUT_OF_MEMORY, "no memory for a contiguous copy of an input, %lld bytes",
                  static_cast<long long>(copies[i].byte_size));
    }
    if (const fusor_status status =
            convert_layout(context.kernels, context.pool, context.threads, *inputs[i], copies[i])) {
      return status;
    }
    inputs[i] = &copies[i];
  }
  return FUSOR_OK;
}

void repeat_element(void* first, int64_t size, int64_t count) {
  char* const data = static_cast<char*>(first);
  for (int64_t done = 1; done < count; done *= 2) {
    std::memcpy(data + done * size, data, static_cast<size_t>(std::min(done, count - done) * size));
  }
}

ElementwiseLoop::ElementwiseLoop(const fusor_buffer& output, const fusor_buffer* const* inputs, int count)
    : total_(element_count(output)),
      output_(data_of<char>(output)),
      output_size_(element_size(output.dtype)),
      streams_(total_ * output_size_ >= kStreamedBytes),
      input_count_(count) {
  for (int i = 0; i < count; ++i) {
    inputs_[i].data = static_cast<const char*>(buffer_data(*inputs[i]));
    inputs_[i].element_size = element_size(inputs[i]->dtype);
  }
  for (int32_t d = 0; d < output.rank; ++d) {
    if (output.sizes[d] == 1) continue;
    int64_t strides[kMostInputs];
    bool joins = rank_ > 0;
    for (int i = 0; i < count; ++i) {
      const int32_t own = d - (output.rank - inputs[i]->rank);
      const bool is_repeated = own < 0 || inputs[i]->sizes[own] == 1;
      strides[i] = is_repeated ? 0 : inputs[i]->strides[own] * inputs_[i].element_size;
      joins = joins && inputs_[i].strides[rank_ - 1] == strides[i] * output.sizes[d];
    }
    if (!joins) sizes_[rank_++] = 1;
    sizes_[rank_ - 1] *= output.sizes[d];
    for (int i = 0; i < count; ++i) inputs_[i].strides[rank_ - 1] = strides[i];
  }
  if (rank_ == 0) {
    sizes_[rank_++] = 1;
    for (int i = 0; i < count; ++i) inputs_[i].strides[0] = 0;
  }

  gathers_ = rank_ > 1 && sizes_[rank_ - 1] < kShortRow;
  for (int i = 0; i < count; ++i) {
    Input& input = inputs_[i];
    int64_t contiguous = input.element_size;
    input.is_contiguous = input.is_one = true;
    for (int d = rank_ - 1; d >= 0; --d) {
      input.is_contiguous = input.is_contiguous && input.strides[d] == contiguous;
      input.is_one = input.is_one && input.strides[d] == 0;
      contiguous *= sizes_[d];
    }
    const int64_t inner = input.strides[rank_ - 1];
    gathers_ = gathers_ || (inner != 0 && inner != input.element_size);
  }
}

ElementwiseLoop::Position ElementwiseLoop::position_of(int64_t element) const {
  Position position{};
  for (int d = rank_ - 1; d >= 0; --d) {
    position.index[d] = element % sizes_[d];
    element /= sizes_[d];
    for (int i = 0; i < input_count_; ++i) position.offset[i] += position.index[d] * inputs_[i].strides[d];
  }
  return position;
}

void ElementwiseLoop::next_row(Position& position) const {
  int d = rank_ - 1;
  for (int i = 0; i < input_count_; ++i) position.offset[i] -= position.index[d] * inputs_[i].strides[d];
  position.index[d] = 0;
  while (--d >= 0) {
    for (int i = 0; i < input_count_; ++i) position.offset[i] += inputs_[i].strides[d];
    if (++position.index[d] < sizes_[d]) return;
    for (int i = 0; i < input_count_; ++i) position.offset[i] -= sizes_[d] * inputs_[i].strides[d];
    position.index[d] = 0;
  }
}

void ElementwiseLoop::gather(const Input& input, int64_t first, int64_t count, void* destination) const {
  const auto copy = input.element_size == 1   ? copy_strided<uint8_t>
                    : input.element_size == 2 ? copy_strided<uint16_t>
                    : input.element_size == 4 ? copy_strided<uint32_t>
                                              : copy_strided<uint64_t>;
  const int last = rank_ - 1;
  int64_t index[FUSOR_MAX_RANK];
  int64_t offset = 0;
  for (int d = last; d >= 0; --d) {
    index[d] = first % sizes_[d];
    first /= sizes_[d];
    offset += index[d] * input.strides[d];
  }
  char* to = static_cast<char*>(destination);
  while (count > 0) {
    const int64_t part = std::min(count, sizes_[last] - index[last]);
    copy(input.data + offset, input.strides[last], part, to);
    to += part * input.element_size;
    count -= part;
    offset -= index[last] * input.strides[last];
    index[last] = 0;
    for (int d = last - 1; d >= 0; --d) {
      offset += input.strides[d];
      if (++index[d] < sizes_[d]) break;
      offset -= sizes_[d] * input.strides[d];
      index[d] = 0;
    }
  }
}

}  // namespace fusor::cpu
