// From a file or decoded pixels to 8-bit RGB, as Pillow's `Image.open(file).convert('RGB')` gives it after
// `ImageOps.exif_transpose`: embedded colour profiles are ignored (networks were trained on what Pillow decodes),
// grey is repeated, alpha is dropped and not blended, of 16-bit samples the high byte counts, and ink becomes light by
// Pillow's formula instead of a printing profile. JPEG, PNG, WebP and TIFF pixels are Pillow's, byte for byte.
//
// Three places where Pillow has other numbers: 16-bit grey, which it saturates at 255, so that nearly everything is
// white; the colour of fully transparent pixels of a GIF; and orientation, which torchvision's loaders ignore.

import { ImageError } from '@fusor/errors';
import type { Metadata, Sharp, SharpOptions } from 'sharp';
import type { RgbImage } from './resample.ts';
import { forEachRow } from './slices.ts';
import {
  checkRawImage,
  describeSource,
  type ImageSource,
  isRawImage,
  type RawImage,
  readBytes,
} from './source.ts';

/**
 * Decodes an image to RGB.
 * @throws ImageError for what is no image, is cut short, or has more than `maxPixels` pixels.
 */
export async function decode(source: ImageSource, maxPixels: number): Promise<RgbImage> {
  if (isRawImage(source)) {
    checkRawImage(source);
    return fromRaw(source);
  }
  const bytes = await readBytes(source);
  if (bytes.byteLength === 0) throw new ImageError(`${describeSource(source)}: is empty`);
  // 'error' refuses cut files and keeps those with mere oddities, such as stray bytes between two JPEG markers, which
  // ImageNet itself contains and Pillow reads. The pixel limit is checked below, with the sizes in the message.
  const options: SharpOptions = { failOn: 'error', ignoreIcc: true, limitInputPixels: false };
  // Imported with the first picture: it takes longer than everything else that this package imports.
  const { default: sharp } = await import('sharp');
  try {
    const metadata = await sharp(bytes, options).metadata();
    checkPixels(source, metadata, maxPixels);
    return await pixels(sharp(bytes, { ...options, limitInputPixels: maxPixels }), metadata);
  } catch (error) {
    if (error instanceof ImageError) throw error;
    throw new ImageError(`${describeSource(source)}: ${decodeFailure(error)}`, { cause: error });
  }
}

function checkPixels(source: ImageSource, { width, height, format }: Metadata, maxPixels: number): void {
  if (width * height > maxPixels) {
    throw new ImageError(
      `${describeSource(source)}: ${format} image of ${width} x ${height} pixels exceeds maxPixels = ${maxPixels}`,
    );
  }
}

async function pixels(image: Sharp, metadata: Metadata): Promise<RgbImage> {
  const isInk = metadata.space === 'cmyk' && metadata.depth === 'uchar';
  const pipeline = isInk
    ? image.pipelineColourspace('cmyk').toColourspace('cmyk').autoOrient()
    : image.toColourspace('srgb').removeAlpha().autoOrient();
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const decoded = { data, width: info.width, height: info.height };
  if (isInk) return fromInk(decoded, info.channels);
  return info.channels === 3
    ? decoded
    : fromRaw({ ...decoded, channels: info.channels as RawImage['channels'] });
}

/** Repeats grey and drops alpha. */
async function fromRaw({ data, width, height, channels }: RawImage): Promise<RgbImage> {
  if (channels === 3)
    return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), width, height };
  const rgb = new Uint8Array(height * width * 3);
  const green = channels === 4 ? 1 : 0;
  await forEachRow(0, height, (y) => {
    let from = y * width * channels;
    let to = y * width * 3;
    for (let x = 0; x < width; x++, from += channels, to += 3) {
      rgb[to] = data[from]!;
      rgb[to + 1] = data[from + green]!;
      rgb[to + 2] = data[from + 2 * green]!;
    }
  });
  return { data: rgb, width, height };
}

/** Light = (255 - black) · (255 - ink) / 255, in Pillow's rounding (src/libImaging/Convert.c, `cmyk2rgb`). */
async function fromInk({ data, width, height }: RgbImage, channels: number): Promise<RgbImage> {
  const rgb = new Uint8Array(height * width * 3);
  await forEachRow(0, height, (y) => {
    let from = y * width * channels;
    let to = y * width * 3;
    for (let x = 0; x < width; x++, from += channels, to += 3) {
      const light = 255 - data[from + 3]!;
      for (let c = 0; c < 3; c++) {
        const product = data[from + c]! * light + 128;
        // (p + (p >> 8)) >> 8 is p / 255, rounded, for a product of two bytes.
        rgb[to + c] = light - (((product >> 8) + product) >> 8);
      }
    }
  });
  return { data: rgb, width, height };
}

/** The decoder's complaint in one line: libvips repeats itself, and names the functions it was in. */
function decodeFailure(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (text.includes('unsupported image format')) {
    return 'is not an image in a known format (JPEG, PNG, WebP, GIF, TIFF, AVIF or SVG), or its first bytes are damaged';
  }
  if (text.includes('pixel limit')) return 'has too many pixels';
  const lines = [...new Set(text.split('\n').map((line) => line.trim()))].filter((line) => line !== '');
  return `cannot be decoded: ${lines.join('; ').replace('Input buffer has corrupt header: ', '')}`;
}
