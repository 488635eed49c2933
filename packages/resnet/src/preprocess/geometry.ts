// Where torchvision's Resize and CenterCrop put the pixels. Sizes only, no arithmetic on pixels.
// Source: torchvision.transforms.functional `_compute_resized_output_size` and `center_crop`.

import type { ResolvedOptions } from './options.ts';

/** Height and width in pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** A rectangle of an image; `top` and `left` are negative where it reaches beyond the image. */
export interface Box extends Size {
  readonly top: number;
  readonly left: number;
}

/** The size after `resize`: a number is the shorter side, and the longer becomes `int(resize * long / short)`. */
export function resizedSize(image: Size, resize: ResolvedOptions['resize']): Size {
  if (resize === false) return image;
  if (typeof resize !== 'number') return { height: resize[0], width: resize[1] };
  const short = Math.min(image.height, image.width);
  const long = Math.max(image.height, image.width);
  if (short === resize) return image;
  const newLong = Math.trunc((resize * long) / short);
  return image.width <= image.height
    ? { height: newLong, width: resize }
    : { height: resize, width: newLong };
}

/** The box that `CenterCrop` keeps. Where the crop is larger than the image, the box begins before it. */
export function centerCropBox(image: Size, crop: ResolvedOptions['crop']): Box {
  if (crop === false) return { top: 0, left: 0, ...image };
  const [height, width] = crop;
  return { top: cropStart(image.height, height), left: cropStart(image.width, width), height, width };
}

/**
 * First kept pixel along one side. torchvision pads a short side by `(crop - size) // 2` in front, and starts a long
 * one at Python's `round((size - crop) / 2)`, which rounds halves to the even neighbour.
 */
function cropStart(size: number, crop: number): number {
  if (crop > size) return -Math.floor((crop - size) / 2);
  const half = (size - crop) / 2;
  const below = Math.floor(half);
  return half === below || below % 2 === 0 ? below : below + 1;
}
