// What the convolutions ask of an instruction set: one table per set, plain types only. Sizes and strides are
// in elements (floats) unless said otherwise; L is the set's lanes, a block is L channels, a vector L floats.
#pragma once

#include <cstdint>

#include "fusor/ops.h"

namespace fusor::cpu {

// Output channels of a weight panel: two vectors. Two give each broadcast input value two uses; a third would
// not divide the usual widths (64, 128, ...).
constexpr int kPanelVectors = 2;
// A register tile is pixels x panel vectors. With 32 registers 14 x 2 accumulators leave room for two weights
// and a broadcast; with 16 it is 6 x 2. 28 and 12 chains hide the latency of a multiply-add (4 cycles, 2 a
// cycle).
constexpr int kMostTilePixels = 14;
constexpr int tile_pixels(int registers) {
  return registers == 32 ? 14 : 6;
}
// Last panels of one vector have more pixels where registers are few.
constexpr int narrow_tile_pixels(int registers) {
  return registers == 32 ? 14 : 12;
}

// Tiles of neighbours in a row have at least so many pixels.
constexpr int kLeastRowPixels = 8;

// Where a result goes, and what is added on the way: activation(sum + bias + residual). Offsets of a pixel
// are the caller's; blocks are counted from the tensor's first.
struct ConvolutionTarget {
  const float* bias;    // [blocks of output channels][L], zero past k
  const int32_t* mask;  // the same shape: -1, and 0 past k, where the result is zero
  float* output;        // image's block 0, pixel (0, 0)
  int64_t output_block, output_row;
  const float* residual;  // null: none; may be `output`
  int64_t residual_block, residual_row;
  fusor_activation activation;
};

// Direct convolution of some pixels of one image with some weight panels.
struct DirectBlock {
  const float* input;              // image's block 0, at the first tap of output pixel (0, 0)
  int64_t row_step, column_step;   // from an output pixel's first tap to that of the next below, right
  int64_t width;                   // output columns
  int64_t pixel_begin, pixel_end;  // output pixels y * width + x, at most kMostBlockPixels
  bool by_rows;                    // whole rows, of tiles of kLeastRowPixels neighbours or more
  bool is_fetched;                 // this thread has read the input before, or fetched it ahead
  // The block that the thread is likely to go on with, whose input it fetches to L2 along the way (null:
  // none).
  const float* next_input;
  int64_t next_begin, next_end;
  // Taps: input vectors that a pixel's sum runs over, in the order block, kernel row, kernel column. Those of
  // the last, partial block come last and have `tail_lanes` live channels.
  const int64_t* taps;  // offsets from a pixel's first
  int64_t full_taps, tail_taps;
  int tail_lanes;
  int64_t chunk_taps;              // taps per pass: a pass's weights stay in L1
  const float* weights;            // [panel][tap][live lane][vector][L]
  int64_t panel_begin, panel_end;  // panels of all groups, in order
  int64_t panels_ahead;            // panel_end, or more if the thread is likely to go on with what follows
  int64_t panels_per_group, blocks_per_group;  // of output channels
  int64_t group_input;                         // from one group's input to the next's
  float* scratch;                              // direct_scratch_floats(L)
  ConvolutionTarget target;
};
constexpr int64_t kMostBlockPixels = 256;
// Partial sums of a block and four offsets of each of its pixels.
constexpr int64_t direct_scratch_floats(int lanes) {
  return kMostBlockPixels * (kPanelVectors * lanes + 8);
}

// Some tiles of a Winograd convolution with some channels or weight panels. Tiles are numbered through all
// images.
struct WinogradBlock {
  int64_t tile_begin, tile_end;
  int64_t tiles_high, tiles_wide;  // of an image
  const float* input;              // image 0, block 0, at the first pixel of tile (0, 0)
  int64_t input_image, input_block, input_row;
  int64_t input_blocks, channels;
  int64_t block_begin, block_end;  // input transform: channel blocks
  float* v;                        // transformed input: input_blocks * tiles vectors per point
  int64_t v_point;                 // from one point's to the next's
  const float* weights;            // [panel][point][channel][vector][L]
  int64_t panel_begin, panel_end;  // product and output transform
  int64_t output_blocks;
  float* m;  // products: tiles * panel vectors per point
  int64_t m_point;
  int64_t height, width;  // of the output
  int64_t output_image, residual_image;
  ConvolutionTarget target;  // of image 0
};

// A block of input channels that some lanes of a block of output channels read.
struct GroupedSource {
  int64_t block;
  int32_t first_term, terms;  // one per channel of a group that is found here
  bool whole;                 // every term serves all lanes
};

// Rows of one output block of one image of a grouped or depthwise convolution.
struct GroupedRows {
  const float* input;             // image's block 0, at the first tap of output pixel (0, 0)
  int64_t row_step, column_step;  // from an output pixel's first tap to that of the next below, right
  int64_t input_block;
  int64_t row_begin, row_end, width;
  const int64_t* taps;  // offsets of the kernel's positions
  int64_t tap_count;
  int64_t block;
  const GroupedSource* sources;  // grouped only
  int32_t source_count;
  const int32_t* lanes;  // [term][L] lane to read, [L] -1 where the term serves the lane, else 0
  const float* weights;  // of the block: [source][tap][term][L]; depthwise: [tap][L]
  ConvolutionTarget target;
};

// Some rows of one image of a convolution of few channels.
struct StemRows {
  const float* input;             // a padded copy, at the first tap of output pixel (row_begin, 0)
  int64_t row_step, column_step;  // from an output pixel's first tap to that of the next below, right
  int64_t row_begin, row_end, width;
  const int64_t* taps;  // offsets of channels and kernel positions
  int64_t tap_count;
  const float* weights;  // [panel][tap][vector][L]
  int64_t output_blocks;
  ConvolutionTarget target;
};

// Rows of the output that the stem's Winograd computes at a time, from how many of the input, at how many
// points.
constexpr int kStemTileRows = 4, kStemInputRows = 13, kStemPoints = 7;
constexpr int kStemColumnStep = 2;
struct StemTile {
  const float* input;            // a padded copy, [channel][kStemInputRows][row_floats]
  int64_t channels, row_floats;  // whole vectors
  float* v;                      // transformed: [kStemPoints][even rows, odd rows][channel][row_floats]
  const int64_t* taps;           // offsets in a point of v: those of the even rows, then of the odd
  int64_t phase_taps;            // of each
  // [panel][point][tap][vector][L]; the last point has the even rows' taps only.
  const float* weights;
  int64_t row;                   // of the output, the tile's first
  int64_t live_begin, live_end;  // rows of the tile that are written
  int64_t width;                 // of the output, tile_pixels() or more
  int64_t output_blocks;
  ConvolutionTarget target;
};

struct ConvolutionKernels {
  void (*direct)(const DirectBlock& block);
  struct Winograd {
    void (*transform_input)(const WinogradBlock& block);
    void (*multiply_and_transform_output)(const WinogradBlock& block);
  } winograd4, winograd3, winograd2, winograd4_strided, winograd2_strided;
  void (*grouped)(const GroupedRows& rows);
  void (*depthwise)(const GroupedRows& rows);
  void (*stem)(const StemRows& rows);
  void (*stem_winograd)(const StemTile& tile);
};

}  // namespace fusor::cpu
