import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ArgumentError, ImageError } from '@fusor/errors';

/** Pixels that are decoded already: 8 bits a channel, interleaved, rows from the top, no padding between rows. */
export interface RawImage {
  /** `height * width * channels` bytes. Do not change them before the call that takes them has settled. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  /** 1: grey, 2: grey and alpha, 3: RGB, 4: RGB and alpha. Alpha is dropped, not blended. */
  readonly channels: 1 | 2 | 3 | 4;
}

/**
 * An image: the path or `file:` URL of a file, the bytes of a file (JPEG, PNG, WebP, GIF, TIFF, AVIF, SVG), or
 * decoded pixels.
 */
export type ImageSource = string | URL | Uint8Array | ArrayBuffer | RawImage;

/** How an error message names a source. */
export function describeSource(source: ImageSource): string {
  if (typeof source === 'string') return `'${source}'`;
  if (source instanceof URL) return `'${source.href}'`;
  if (source instanceof Uint8Array || source instanceof ArrayBuffer)
    return `image of ${source.byteLength} bytes`;
  return 'raw image';
}

/** Tells decoded pixels from the bytes of a file, and checks that they are as many as the sizes say. */
export function isRawImage(source: ImageSource): source is RawImage {
  if (typeof source !== 'object' || source === null) return false;
  if (source instanceof URL || source instanceof Uint8Array || source instanceof ArrayBuffer) return false;
  return 'data' in source && 'width' in source && 'height' in source;
}

/** @throws ArgumentError where sizes, channels and bytes do not fit together. */
export function checkRawImage({ data, width, height, channels }: RawImage): void {
  const isSide = (side: unknown) => Number.isSafeInteger(side) && (side as number) >= 1;
  if (!isSide(width) || !isSide(height)) {
    throw new ArgumentError(
      `preprocess: a raw image needs a width and a height of 1 or more, got ${width} x ${height}`,
    );
  }
  if (![1, 2, 3, 4].includes(channels)) {
    throw new ArgumentError(`preprocess: a raw image has 1, 2, 3 or 4 channels, got ${channels}`);
  }
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new ArgumentError(
      'preprocess: the data of a raw image must be a Uint8Array or a Uint8ClampedArray',
    );
  }
  if (data.length !== width * height * channels) {
    throw new ArgumentError(
      `preprocess: a raw image of ${width} x ${height} with ${channels} channels has ` +
        `${width * height * channels} bytes, got ${data.length}`,
    );
  }
}

/**
 * The bytes of an image file. Files are read here and not by the decoder, which caches by name and would show an
 * old picture after the file has changed.
 * @throws ImageError where the file cannot be read; ArgumentError where the argument is no image at all.
 */
export async function readBytes(source: Exclude<ImageSource, RawImage>): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw new ArgumentError(
      'preprocess: an image is a path, a file: URL, the bytes of a file (Buffer, Uint8Array, ArrayBuffer) or ' +
        `{ data, width, height, channels }, got ${source === null ? 'null' : typeof source}`,
    );
  }
  if (source instanceof URL && source.protocol !== 'file:') {
    throw new ArgumentError(`preprocess: only file: URLs can be read, got '${source.href}'`);
  }
  const path = source instanceof URL ? fileURLToPath(source) : source;
  try {
    return await readFile(path);
  } catch (error) {
    throw new ImageError(`${describeSource(source)}: ${readFailure(error)}`, { cause: error });
  }
}

function readFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
      return 'no such file';
    case 'EISDIR':
      return 'is a folder, not an image file';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read (permission denied)';
    case 'ERR_FS_FILE_TOO_LARGE':
      return 'is larger than 2 GiB';
    default:
      return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
