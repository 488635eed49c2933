// Walks elementwise ops over inputs of any strides (0 where they are broadcast) and a contiguous output, in
// pieces in which every input is either contiguous or one repeated element: all that kernels need to know.
//
// Dimensions that lie as one in all inputs are joined first. If the innermost one is then long enough, pieces
// are (parts of) its rows, read where they lie. Else, or where an input steps through memory, pieces of
// kGathered elements are gathered into buffers that stay in L1: about a nanosecond an element, whatever the
// shape.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/elementwise/stream.h"
#include "cpu/op.h"

namespace fusor::cpu {

// Writes the first of `count` elements of `size` bytes over the others.
void repeat_element(void* first, int64_t size, int64_t count);

// Copies inputs that lie transposed to scratch, straight: two passes at the speed of memory are several times
// faster than one that jumps from line to line. `inputs[i]` then points to `copies[i]`.
// FUSOR_ERROR_OUT_OF_MEMORY without a change.
fusor_status straighten(OpContext& context, const fusor_buffer** inputs, int count, fusor_buffer* copies);

class ElementwiseLoop {
 public:
  static constexpr int kMostInputs = 3;

  // Inputs broadcast to the output's sizes.
  ElementwiseLoop(const fusor_buffer& output, const fusor_buffer* const* inputs, int count);

  struct Piece {
    int64_t count;  // elements
    void* output;
    const void* inputs[kMostInputs];
    bool is_one[kMostInputs];  // the input is a single element
  };

  // Calls body(const Piece&) for the whole output, on several threads where that pays. `bytes` tells what an
  // element costs in units of memory traffic: its reads and writes, or more where computing takes longer.
  template <class Body>
  void run(OpContext& context, int64_t bytes, Body&& body) const {
    if (total_ == 0) return;
    const int threads =
        static_cast<int>(std::clamp<int64_t>(total_ * bytes / kBytesPerThread, 1, context.threads));
    WorkShares shares((total_ + kItem - 1) / kItem, threads);
    context.pool.share(threads, [&](const Team& team) {
      for (int64_t item; (item = shares.take(team)) >= 0;) {
        const int64_t begin = item * kItem, end = std::min(total_, begin + kItem);
        if (streams_) {
          const auto streamed = [&](const Piece& piece) { stream(context.kernels, piece, body); };
          gathers_ ? walk_gathered(begin, end, streamed) : walk_rows(begin, end, streamed);
        } else {
          gathers_ ? walk_gathered(begin, end, body) : walk_rows(begin, end, body);
        }
      }
    });
  }

 private:
  // 64 KB take one core 5 to 10 microseconds, ten times what waking a spinning worker costs.
  static constexpr int64_t kBytesPerThread = 64 * 1024;
  static constexpr int64_t kItem = 16 * 1024;  // elements handed out at once
  static constexpr int64_t kShortRow = 32;     // elements; shorter rows are gathered
  static constexpr int64_t kGathered = 512;    // three buffers of 8-byte elements take 12 KB of L1

  struct Input {
    const char* data;
    int64_t element_size;
    int64_t strides[FUSOR_MAX_RANK];  // in bytes
    bool is_contiguous, is_one;
  };
  struct Position {
    int64_t index[FUSOR_MAX_RANK];
    int64_t offset[kMostInputs];
  };

  void* at(int64_t element) const { return output_ + element * output_size_; }
  Position position_of(int64_t element) const;
  void next_row(Position& position) const;
  // Copies elements first to first + count of an input to `destination`.
  void gather(const Input& input, int64_t first, int64_t count, void* destination) const;

  // Computes a piece part by part in L1.
  template <class Body>
  void stream(const KernelSet& kernels, const Piece& piece, Body& body) const {
    stream_result(kernels, static_cast<char*>(piece.output), piece.count * output_size_,
                  [&](char* to, int64_t first_byte, int64_t bytes) {
                    Piece part = piece;
                    part.count = bytes / output_size_;
                    part.output = to;
                    for (int i = 0; i < input_count_; ++i) {
                      if (piece.is_one[i]) continue;
                      part.inputs[i] = static_cast<const char*>(piece.inputs[i]) +
                                       first_byte / output_size_ * inputs_[i].element_size;
                    }
                    body(part);
                  });
  }

  template <class Body>
  void walk_rows(int64_t begin, int64_t end, Body& body) const {
    const int last = rank_ - 1;
    Position position = position_of(begin);
    for (int64_t element = begin; element < end;) {
      Piece piece{std::min(end - element, sizes_[last] - position.index[last]), at(element), {}, {}};
      for (int i = 0; i < input_count_; ++i) {
        piece.inputs[i] = inputs_[i].data + position.offset[i];
        piece.is_one[i] = inputs_[i].strides[last] == 0;
      }
      body(piece);
      element += piece.count;
      next_row(position);
    }
  }

  template <class Body>
  void walk_gathered(int64_t begin, int64_t end, Body& body) const {
    alignas(64) char buffers[kMostInputs][kGathered * 8];
    for (int64_t element = begin; element < end; element += kGathered) {
      Piece piece{std::min(end - element, kGathered), at(element), {}, {}};
      for (int i = 0; i < input_count_; ++i) {
        const Input& input = inputs_[i];
        piece.is_one[i] = input.is_one;
        piece.inputs[i] = buffers[i];
        if (input.is_one) {
          piece.inputs[i] = input.data;
        } else if (input.is_contiguous) {
          piece.inputs[i] = input.data + element * input.element_size;
        } else {
          gather(input, element, piece.count, buffers[i]);
        }
      }
      body(piece);
    }
  }

  int rank_ = 0;
  int64_t sizes_[FUSOR_MAX_RANK];
  int64_t total_ = 1;
  char* output_;
  int64_t output_size_;  // of an element
  bool streams_;
  int input_count_;
  Input inputs_[kMostInputs];
  bool gathers_ = false;
};

}  // namespace fusor::cpu
