import type { Box } from './geometry.ts';
import type { RgbImage } from './resample.ts';
import { forEachRow } from './slices.ts';

/**
 * `table[c * 256 + byte] = (byte / 255 - mean[c]) / std[c]`, each step rounded to f32 as torchvision's `to_tensor`
 * and `normalize` round it, so that the numbers are the same bits. A byte has 256 values, so no pixel needs a division.
 */
export function normalizationTable(mean: readonly number[], std: readonly number[]): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let c = 0; c < 3; c++) {
    for (let byte = 0; byte < 256; byte++) {
      const centered = Math.fround(Math.fround(byte / 255) - Math.fround(mean[c]!));
      table[c * 256 + byte] = Math.fround(centered / Math.fround(std[c]!));
    }
  }
  return table;
}

/**
 * Writes `box` of `image` into `target` as three planes, red, green, blue, each `[box.height, box.width]`.
 * What the box holds beyond the image is black (byte 0) before normalisation, as torchvision pads.
 */
export async function writePlanes(
  image: RgbImage,
  box: Box,
  table: Float32Array,
  target: Float32Array,
): Promise<void> {
  const plane = box.height * box.width;
  const left = Math.max(box.left, 0);
  const right = Math.min(box.left + box.width, image.width);
  await forEachRow(0, box.height, (y) => {
    const sourceY = y + box.top;
    const line = y * box.width;
    for (let c = 0; c < 3; c++) {
      const values = table.subarray(c * 256, c * 256 + 256);
      const out = c * plane + line;
      if (sourceY < 0 || sourceY >= image.height) {
        target.fill(values[0]!, out, out + box.width);
        continue;
      }
      target.fill(values[0]!, out, out + left - box.left);
      let pixel = (sourceY * image.width + left) * 3 + c;
      for (let x = left; x < right; x++, pixel += 3) {
        target[out + x - box.left] = values[image.data[pixel]!]!;
      }
      target.fill(values[0]!, out + right - box.left, out + box.width);
    }
  });
}
