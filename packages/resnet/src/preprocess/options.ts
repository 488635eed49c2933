import { ArgumentError } from '@fusor/errors';

/**
 * How an image becomes the input of a network. The defaults are torchvision's evaluation transform for ImageNet,
 * `ImageClassification(crop_size=224, resize_size=256)`.
 */
export interface PreprocessOptions {
  /**
   * Resize before cropping, with antialiased bilinear interpolation. A number is the new length of the shorter
   * side, the longer one follows (`int(resize * long / short)`); `[height, width]` is the exact size; `false` keeps
   * the image as it is. Default 256.
   */
  readonly resize?: number | readonly [number, number] | false;
  /**
   * Cut this many pixels out of the middle: a number for a square, or `[height, width]`; `false` keeps everything.
   * An image smaller than the crop is padded with black. Default 224.
   */
  readonly crop?: number | readonly [number, number] | false;
  /** Subtracted from red, green and blue in [0, 1]. Default `[0.485, 0.456, 0.406]`, ImageNet's. */
  readonly mean?: readonly [number, number, number];
  /** Divides red, green and blue after the mean is gone. Default `[0.229, 0.224, 0.225]`, ImageNet's. */
  readonly std?: readonly [number, number, number];
  /**
   * Images with more pixels than this are refused before they are decoded, because a file of a few kilobytes can
   * claim gigabytes. Default 178,956,970, the limit at which Pillow refuses as well.
   */
  readonly maxPixels?: number;
}

/** Options with every default filled in and every value checked. */
export interface ResolvedOptions {
  readonly resize: number | readonly [number, number] | false;
  readonly crop: readonly [number, number] | false;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly maxPixels: number;
}

/** Mean of red, green and blue over ImageNet, for pixels in [0, 1]. */
export const imagenetMean: readonly [number, number, number] = [0.485, 0.456, 0.406];

/** Standard deviation of red, green and blue over ImageNet, for pixels in [0, 1]. */
export const imagenetStd: readonly [number, number, number] = [0.229, 0.224, 0.225];

/** Twice Pillow's `MAX_IMAGE_PIXELS` (a quarter of a gibibyte of RGB): above it Pillow raises, below it warns. */
const pillowPixelLimit = 178_956_970;

const known = new Set(['resize', 'crop', 'mean', 'std', 'maxPixels']);

/**
 * Checks the options of `preprocess` and fills in the defaults.
 * @throws ArgumentError for an unknown option or a value out of range; the text names it.
 */
export function resolveOptions(options: PreprocessOptions = {}): ResolvedOptions {
  for (const name of Object.keys(options)) {
    if (!known.has(name)) {
      throw new ArgumentError(`preprocess: unknown option '${name}' (known: ${[...known].join(', ')})`);
    }
  }
  const {
    resize = 256,
    crop = 224,
    mean = imagenetMean,
    std = imagenetStd,
    maxPixels = pillowPixelLimit,
  } = options;
  if (resize !== false) checkSize('resize', resize);
  if (crop !== false) checkSize('crop', crop);
  checkTriple('mean', mean);
  checkTriple('std', std);
  if (std.some((value) => Math.fround(value) === 0)) {
    throw new ArgumentError(`preprocess: std must not contain 0, got [${std.join(', ')}]`);
  }
  if (!Number.isSafeInteger(maxPixels) || maxPixels < 1) {
    throw new ArgumentError(`preprocess: maxPixels must be a positive whole number, got ${maxPixels}`);
  }
  return { resize, crop: typeof crop === 'number' ? [crop, crop] : crop, mean, std, maxPixels };
}

// 65,535 is the longest side that JPEG can state; a larger result is a mistake, and its size would overflow.
const longestSide = 65_535;

function checkSize(name: string, size: number | readonly [number, number]): void {
  const sides: readonly unknown[] = typeof size === 'number' ? [size] : Array.isArray(size) ? size : [];
  const fits = (side: unknown) =>
    Number.isInteger(side) && (side as number) >= 1 && (side as number) <= longestSide;
  if ((typeof size !== 'number' && sides.length !== 2) || !sides.every(fits)) {
    throw new ArgumentError(
      `preprocess: ${name} must be a whole number of pixels from 1 to ${longestSide}, [height, width] or false, ` +
        `got ${JSON.stringify(size) ?? String(size)}`,
    );
  }
}

function checkTriple(name: string, values: readonly [number, number, number]): void {
  if (!Array.isArray(values) || values.length !== 3 || !values.every((value) => Number.isFinite(value))) {
    throw new ArgumentError(
      `preprocess: ${name} must be three finite numbers (red, green, blue), got ${JSON.stringify(values)}`,
    );
  }
}
