import { ArgumentError, ShapeError } from '@fusor/errors';
import { type DeviceOption, Tensor } from '@fusor/native';
import { mapLimited } from './concurrency.ts';
import type { PreprocessOptions } from './options.ts';
import type { ImageSource } from './source.ts';
import { type PreprocessedImage, preprocessToArray } from './transform.ts';

/**
 * Turns images into the input of a network, as torchvision's evaluation transform does: decode to RGB with the EXIF
 * orientation applied, resize the shorter side to 256 with Pillow's antialiased bilinear, crop the middle 224×224,
 * scale to [0, 1], subtract the mean and divide by the standard deviation.
 *
 * ```ts
 * const x = await preprocess('photo.jpg');       // f32 [1, 3, 224, 224] on the CPU
 * const logits = await plan.run(x);
 * ```
 *
 * Decoding runs on libuv's threads, resampling in slices of two milliseconds, so the event loop stays free.
 * @param images one image, or several, which become one batch `[n, 3, height, width]`
 * @throws {ImageError} for what is no image, is cut short or too large; it says which and why
 * @throws {ArgumentError} for an option out of range
 * @throws {ShapeError} where images of a batch come out in different sizes, as they may with `crop: false`
 */
export async function preprocess(
  images: ImageSource | readonly ImageSource[],
  options: PreprocessOptions & { readonly device?: DeviceOption } = {},
): Promise<Tensor> {
  const { device, ...transform } = options;
  const sources = Array.isArray(images) ? (images as readonly ImageSource[]) : [images as ImageSource];
  if (sources.length === 0) throw new ArgumentError('preprocess: an empty list of images');
  const arrays = await mapLimited(sources, (source) => preprocessToArray(source, transform));
  const { data, shape } = joinBatch(arrays);
  return Tensor.from(data, shape, device === undefined ? {} : { device });
}

/**
 * Puts images after each other as one batch of `size` (default: as many as there are); missing ones are zeros.
 * @throws {ShapeError} where their sizes differ
 */
export function joinBatch(
  images: readonly PreprocessedImage[],
  size: number = images.length,
): { data: Float32Array; shape: [number, 3, number, number] } {
  const [, channels, height, width] = images[0]!.shape;
  const data =
    images.length === 1 && size === 1 ? images[0]!.data : new Float32Array(size * channels * height * width);
  for (const [index, image] of images.entries()) {
    if (image.shape[2] !== height || image.shape[3] !== width) {
      throw new ShapeError(
        `preprocess: images of one batch must come out in one size, but image 0 has ${height} x ${width} and ` +
          `image ${index} ${image.shape[2]} x ${image.shape[3]} (height x width); set crop`,
      );
    }
    if (image.data !== data) data.set(image.data, index * channels * height * width);
  }
  return { data, shape: [size, channels, height, width] };
}
