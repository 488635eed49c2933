import { decode } from './decode.ts';
import { type Box, centerCropBox, resizedSize } from './geometry.ts';
import { normalizationTable, writePlanes } from './normalize.ts';
import { type PreprocessOptions, type ResolvedOptions, resolveOptions } from './options.ts';
import { type RgbImage, resizeBilinear } from './resample.ts';
import type { ImageSource } from './source.ts';

/** One image as a network takes it: f32 values in the order [1, 3, height, width]. */
export interface PreprocessedImage {
  readonly data: Float32Array;
  readonly shape: readonly [1, 3, number, number];
}

/**
 * Like `preprocess`, for one image and without a Tensor: the values in a fresh Float32Array, which `plan.run` takes
 * as it is.
 * @throws ImageError for what is no image, is cut short or too large; ArgumentError for an option out of range.
 */
export async function preprocessToArray(
  image: ImageSource,
  options?: PreprocessOptions,
): Promise<PreprocessedImage> {
  const resolved = resolveOptions(options);
  const decoded = await decode(image, resolved.maxPixels);
  return transform(decoded, resolved);
}

/** Resize, crop, normalise: everything after decoding. */
export async function transform(image: RgbImage, options: ResolvedOptions): Promise<PreprocessedImage> {
  const size = resizedSize(image, options.resize);
  const crop = centerCropBox(size, options.crop);
  // Only what the crop keeps is resampled; `outside` is where the crop lies in the part that was.
  const visible = intersect(crop, { top: 0, left: 0, height: size.height, width: size.width });
  const resized = await resizeBilinear(image, size, visible);
  const outside: Box = { ...crop, top: crop.top - visible.top, left: crop.left - visible.left };
  const data = new Float32Array(3 * crop.height * crop.width);
  await writePlanes(resized, outside, normalizationTable(options.mean, options.std), data);
  return { data, shape: [1, 3, crop.height, crop.width] };
}

function intersect(a: Box, b: Box): Box {
  const top = Math.max(a.top, b.top);
  const left = Math.max(a.left, b.left);
  return {
    top,
    left,
    height: Math.min(a.top + a.height, b.top + b.height) - top,
    width: Math.min(a.left + a.width, b.left + b.width) - left,
  };
}
