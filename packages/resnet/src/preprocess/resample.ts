// Pillow's `Image.resize(size, BILINEAR)` for 8-bit RGB, bit by bit, for a box of the result.
//
// Each output pixel is a weighted mean of the input pixels under a triangle. Enlarging, the triangle reaches one input
// pixel to either side; shrinking, it is stretched by the ratio, so that every input pixel counts (antialiasing).
//
//   scale   = input / output              center_i = (i + ½) · scale
//   reach   = max(1, scale)               w_ij     ∝ max(0, 1 - |j + ½ - center_i| / reach),  Σ_j w_ij = 1
//
// Two passes, first along rows, then along columns, and the picture between them is rounded to 8 bits again. Weights
// are whole numbers with 22 fractional bits: 8 bits of pixel and 22 of weight leave two bits of a 32-bit sum free.
// Every choice here (the order of the passes, the rounding between them, the bits) shows in the result, which is why
// the resampler is our own. Source: Pillow, src/libImaging/Resample.c.
//
// Only the pixels in the box are computed. A pixel does not depend on its neighbours in the result, so cropping
// first changes nothing, and a panorama costs no more than the square that is kept of it.

import type { Box, Size } from './geometry.ts';
import { forEachRow } from './slices.ts';

/** Interleaved 8-bit red, green and blue, rows from the top, no padding between them. */
export interface RgbImage extends Size {
  readonly data: Uint8Array;
}

const weightBits = 22;
const weightOne = 2 ** weightBits;
const roundingHalf = 2 ** (weightBits - 1);

/** For output pixels `start ≤ i < end` of one axis: which input pixels count, and how much. */
interface AxisWeights {
  /** The most input pixels that any output pixel needs. */
  readonly taps: number;
  /** `first[i - start]`: the first input pixel. */
  readonly first: Int32Array;
  /** `count[i - start]`: how many input pixels follow each other from there. */
  readonly count: Int32Array;
  /** `weights[(i - start) * taps + t]`: the weight of input pixel `first + t`, times 2²². */
  readonly weights: Int32Array;
}

/** The weights of output pixels `start ≤ i < end` when `input` pixels become `output` pixels. */
export function bilinearWeights(input: number, output: number, start: number, end: number): AxisWeights {
  const scale = input / output;
  const reach = Math.max(scale, 1);
  const inverseReach = 1 / reach;
  const taps = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(end - start);
  const count = new Int32Array(end - start);
  const weights = new Int32Array((end - start) * taps);
  const real = new Float64Array(taps);
  for (let i = start; i < end; i++) {
    const center = (i + 0.5) * scale;
    const low = Math.max(Math.trunc(center - reach + 0.5), 0);
    const high = Math.min(Math.trunc(center + reach + 0.5), input);
    let sum = 0;
    for (let j = low; j < high; j++) {
      const weight = Math.max(0, 1 - Math.abs((j - center + 0.5) * inverseReach));
      real[j - low] = weight;
      sum += weight;
    }
    for (let t = 0; t < high - low; t++) {
      const weight = sum === 0 ? real[t]! : real[t]! / sum;
      weights[(i - start) * taps + t] = Math.trunc(0.5 + weight * weightOne);
    }
    first[i - start] = low;
    count[i - start] = high - low;
  }
  return { taps, first, count, weights };
}

/**
 * The pixels of `box` in `image` resized to `size`. The box must lie inside the resized image. Works in slices of two
 * milliseconds, so that a large photo does not hold up the event loop.
 */
export async function resizeBilinear(image: RgbImage, size: Size, box: Box): Promise<RgbImage> {
  const right = box.left + box.width;
  const bottom = box.top + box.height;
  let rows = image;
  let firstRow = 0;
  let vertical: AxisWeights | undefined;
  let lastRow = image.height;
  if (size.height !== image.height) {
    vertical = bilinearWeights(image.height, size.height, box.top, bottom);
    firstRow = vertical.first[0]!;
    lastRow = vertical.first[box.height - 1]! + vertical.count[box.height - 1]!;
  } else {
    firstRow = box.top;
    lastRow = bottom;
  }
  if (size.width !== image.width) {
    const horizontal = bilinearWeights(image.width, size.width, box.left, right);
    rows = await resizeRows(image, horizontal, firstRow, lastRow);
  } else {
    rows = await cutRows(image, box.left, right, firstRow, lastRow);
  }
  return vertical === undefined ? rows : resizeColumns(rows, vertical, firstRow);
}

/** Input rows `firstRow ≤ y < lastRow`, each resized along x. */
async function resizeRows(
  image: RgbImage,
  { taps, first, count, weights }: AxisWeights,
  firstRow: number,
  lastRow: number,
): Promise<RgbImage> {
  const width = first.length;
  const source = image.data;
  const data = new Uint8Array((lastRow - firstRow) * width * 3);
  await forEachRow(firstRow, lastRow, (y) => {
    const line = y * image.width * 3;
    let out = (y - firstRow) * width * 3;
    for (let x = 0; x < width; x++) {
      let red = roundingHalf;
      let green = roundingHalf;
      let blue = roundingHalf;
      let pixel = line + first[x]! * 3;
      const base = x * taps;
      const end = base + count[x]!;
      for (let t = base; t < end; t++, pixel += 3) {
        const weight = weights[t]!;
        red = (red + Math.imul(source[pixel]!, weight)) | 0;
        green = (green + Math.imul(source[pixel + 1]!, weight)) | 0;
        blue = (blue + Math.imul(source[pixel + 2]!, weight)) | 0;
      }
      data[out++] = toByte(red);
      data[out++] = toByte(green);
      data[out++] = toByte(blue);
    }
  });
  return { data, width, height: lastRow - firstRow };
}

/** Resizes along y; row 0 of `image` is row `firstRow` of the input. */
async function resizeColumns(image: RgbImage, vertical: AxisWeights, firstRow: number): Promise<RgbImage> {
  const { taps, first, count, weights } = vertical;
  const height = first.length;
  const line = image.width * 3;
  const source = image.data;
  const data = new Uint8Array(height * line);
  const sums = new Int32Array(line);
  await forEachRow(0, height, (y) => {
    sums.fill(roundingHalf);
    for (let t = 0; t < count[y]!; t++) {
      const weight = weights[y * taps + t]!;
      const from = (first[y]! - firstRow + t) * line;
      for (let i = 0; i < line; i++) sums[i] = sums[i]! + Math.imul(source[from + i]!, weight);
    }
    for (let i = 0; i < line; i++) data[y * line + i] = toByte(sums[i]!);
  });
  return { data, width: image.width, height };
}

/** Copies columns `left ≤ x < right` of rows `firstRow ≤ y < lastRow`. */
async function cutRows(
  image: RgbImage,
  left: number,
  right: number,
  firstRow: number,
  lastRow: number,
): Promise<RgbImage> {
  const width = right - left;
  if (width === image.width && firstRow === 0 && lastRow === image.height) return image;
  const data = new Uint8Array((lastRow - firstRow) * width * 3);
  await forEachRow(firstRow, lastRow, (y) => {
    const from = (y * image.width + left) * 3;
    data.set(image.data.subarray(from, from + width * 3), (y - firstRow) * width * 3);
  });
  return { data, width, height: lastRow - firstRow };
}

/** Drops the fractional bits. Rounded weights may add up to a hair more than one, so white could become 256. */
function toByte(sum: number): number {
  const value = sum >> weightBits;
  return Math.min(value, 255);
}
