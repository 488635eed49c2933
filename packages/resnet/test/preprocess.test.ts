import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ArgumentError, ImageError } from '@fusor/errors';
import { type ImageSource, type PreprocessOptions, preprocessToArray } from '@fusor/resnet';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bilinearWeights } from '../src/preprocess/resample.ts';
import { noise, preprocessedBytes } from './support/pixels.ts';

const golden = join(import.meta.dirname, 'golden');
const whole: PreprocessOptions = { resize: false, crop: false };
const folder = mkdtempSync(join(tmpdir(), 'fusor-preprocess-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function failure(image: unknown, options?: unknown): Promise<Error> {
  return preprocessToArray(image as ImageSource, options as PreprocessOptions).then(
    () => Promise.reject(new Error('did not fail')),
    (error: Error) => error,
  );
}

describe('sources', () => {
  const path = join(golden, 'rgb.png');

  it('path, file URL, Buffer, Uint8Array with an offset and ArrayBuffer give the same numbers', async () => {
    const bytes = readFileSync(path);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const small = { resize: 24, crop: 16 };
    const expected = await preprocessToArray(path, small);
    const sources = [pathToFileURL(path), bytes, shifted.subarray(3), Uint8Array.from(bytes).buffer];
    for (const source of sources) expect(await preprocessToArray(source, small)).toEqual(expected);
  });

  it('raw pixels of 1, 2, 3 and 4 channels become RGB: grey repeated, alpha dropped', async () => {
    const rgb = [10, 20, 30, 40, 50, 60];
    const cases = [
      { channels: 1, data: [7, 200], expected: [7, 7, 7, 200, 200, 200] },
      { channels: 2, data: [7, 0, 200, 255], expected: [7, 7, 7, 200, 200, 200] },
      { channels: 3, data: rgb, expected: rgb },
      { channels: 4, data: [10, 20, 30, 0, 40, 50, 60, 128], expected: rgb },
    ] as const;
    for (const { channels, data, expected } of cases) {
      const image = { data: Uint8Array.from(data), width: 2, height: 1, channels };
      expect([...(await preprocessedBytes(image, whole))]).toEqual(expected);
      expect([...(await preprocessedBytes({ ...image, data: Uint8ClampedArray.from(data) }, whole))]).toEqual(
        expected,
      );
    }
  });

  it('raw pixels are left as they were', async () => {
    const data = noise(40 * 30 * 3, 5);
    const copy = data.slice();
    await preprocessToArray({ data, width: 40, height: 30, channels: 3 });
    expect(data).toEqual(copy);
  });

  it.each([
    ['number', 5, /an image is a path, .* got number/],
    ['null', null, /got null/],
    ['http URL', new URL('http://example.org/a.jpg'), /only file: URLs/],
    [
      'raw image that is too short',
      { data: new Uint8Array(5), width: 2, height: 1, channels: 3 },
      /6 bytes, got 5/,
    ],
    [
      'raw image of 5 channels',
      { data: new Uint8Array(5), width: 1, height: 1, channels: 5 },
      /1, 2, 3 or 4 channels, got 5/,
    ],
    [
      'raw image of no height',
      { data: new Uint8Array(0), width: 2, height: 0, channels: 3 },
      /width and a height of 1 or more/,
    ],
    [
      'raw image of floats',
      { data: new Float32Array(3), width: 1, height: 1, channels: 3 },
      /must be a Uint8Array/,
    ],
  ])('%s: is an ArgumentError', async (_name, source, text) => {
    const error = await failure(source);
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(text);
  });
});

describe('numbers', () => {
  it('are (byte / 255 - mean) / std in NCHW order, each step rounded to f32', async () => {
    const data = noise(3 * 5 * 3, 9);
    const image = await preprocessToArray({ data, width: 5, height: 3, channels: 3 }, whole);
    expect(image.shape).toEqual([1, 3, 3, 5]);
    const f = Math.fround;
    const mean = [0.485, 0.456, 0.406];
    const std = [0.229, 0.224, 0.225];
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < 15; i++) {
        const expected = f(f(f(data[3 * i + c]! / 255) - f(mean[c]!)) / f(std[c]!));
        expect(image.data[c * 15 + i]).toBe(expected);
      }
    }
  });

  it('a crop larger than the image is padded with black, one pixel more after than before', async () => {
    const image = { data: Uint8Array.from([9, 9, 9]), width: 1, height: 1, channels: 3 } as const;
    const bytes = await preprocessedBytes(image, { resize: false, crop: [2, 4] });
    expect([...bytes].filter((_, i) => i % 3 === 0)).toEqual([0, 9, 0, 0, 0, 0, 0, 0]);
  });

  it('margins that are not even follow Python, which rounds halves to even', async () => {
    // 5 - 2 = 3: 1.5 rounds to 2. 3 - 2 = 1: 0.5 rounds to 0.
    const row = (width: number) => ({
      data: Uint8Array.from({ length: width }, (_, i) => i),
      width,
      height: 1,
    });
    const crop = async (width: number) =>
      [...(await preprocessedBytes({ ...row(width), channels: 1 }, { resize: false, crop: [1, 2] }))].filter(
        (_, i) => i % 3 === 0,
      );
    expect(await crop(5)).toEqual([2, 3]);
    expect(await crop(3)).toEqual([0, 1]);
    expect(await crop(7)).toEqual([2, 3]);
  });

  it('white stays white: rounded weights that add up to more than one do not overflow a byte', async () => {
    for (const width of [37, 301, 1013]) {
      const image = {
        data: new Uint8Array(width * 41 * 3).fill(255),
        width,
        height: 41,
        channels: 3,
      } as const;
      expect(new Set(await preprocessedBytes(image, { resize: 29, crop: false }))).toEqual(new Set([255]));
    }
  });

  it('weights of one output pixel add up to one, whatever the ratio', () => {
    for (const [input, output] of [
      [1, 256],
      [7, 256],
      [256, 7],
      [4000, 224],
      [223, 224],
    ] as const) {
      const { taps, first, count, weights } = bilinearWeights(input, output, 0, output);
      for (let i = 0; i < output; i++) {
        let sum = 0;
        for (let t = 0; t < count[i]!; t++) sum += weights[i * taps + t]!;
        expect(Math.abs(sum - 2 ** 22)).toBeLessThanOrEqual(taps);
        expect(count[i]).toBeGreaterThanOrEqual(1);
        expect(first[i]! + count[i]!).toBeLessThanOrEqual(input);
      }
    }
  });

  it('a thousand times wider than high does not need a thousand times the work', async () => {
    const image = { data: noise(3 * 9000 * 3, 1), width: 9000, height: 3, channels: 3 } as const;
    const { shape } = await preprocessToArray(image);
    expect(shape).toEqual([1, 3, 224, 224]);
  });
});

describe('options', () => {
  it.each([
    [{ resize: 0 }, /resize must be .*, got 0/],
    [{ resize: 2.5 }, /resize must be .*, got 2.5/],
    [{ resize: Number.NaN }, /resize must be/],
    [{ resize: [1, 2, 3] }, /resize must be .*, got \[1,2,3\]/],
    [{ resize: 1e9 }, /resize must be/],
    [{ crop: -1 }, /crop must be .*, got -1/],
    [{ crop: '224' }, /crop must be .*, got "224"/],
    [{ mean: [1, 2] }, /mean must be three finite numbers/],
    [{ mean: [0, 0, Number.POSITIVE_INFINITY] }, /mean must be three finite numbers/],
    [{ std: [1, 0, 1] }, /std must not contain 0/],
    [{ std: [1, 1e-60, 1] }, /std must not contain 0/],
    [{ maxPixels: 0 }, /maxPixels must be a positive whole number, got 0/],
    [{ size: 224 }, /unknown option 'size' \(known: resize, crop, mean, std, maxPixels\)/],
  ])('%j is an ArgumentError', async (options, text) => {
    const error = await failure(join(golden, 'rgb.png'), options);
    expect(error).toBeInstanceOf(ArgumentError);
    expect(error.message).toMatch(text);
  });
});

describe('what is no image', () => {
  it.each([
    [
      'text',
      Buffer.from('no picture at all, only words'),
      /image of 29 bytes: is not an image in a known format/,
    ],
    ['nothing', Buffer.alloc(0), /image of 0 bytes: is empty/],
    ['zeros', Buffer.alloc(4096), /is not an image in a known format/],
    [
      'a JPEG header without a picture',
      Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]),
      /cannot be decoded|known format/,
    ],
    [
      'a PNG signature alone',
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
      /cannot be decoded|known format/,
    ],
  ])('%s: is an ImageError that says so', async (_name, bytes, text) => {
    const error = await failure(bytes);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as ImageError).code).toBe('ERR_FUSOR_IMAGE');
    expect(error.message).toMatch(text);
    expect(error.message).not.toContain('\n');
  });

  it('a file that is not there, and a folder, are named', async () => {
    expect((await failure(join(folder, 'none.jpg'))).message).toMatch(/'.*none\.jpg': no such file/);
    expect((await failure(folder)).message).toMatch(/is a folder, not an image file/);
    expect(await failure(folder)).toBeInstanceOf(ImageError);
  });

  it.each(['rgb.jpg', 'progressive.jpg', 'rgb.png', 'rgba.webp', 'palette.gif', 'cmyk.tif'])(
    '%s cut at any length: an ImageError, or all of its pixels',
    async (name) => {
      const bytes = readFileSync(join(golden, name));
      const expected = await preprocessToArray(bytes, { resize: 24, crop: 16 });
      let failures = 0;
      for (let length = 0; length < bytes.length; length += length < 64 ? 1 : 7) {
        try {
          const cut = await preprocessToArray(bytes.subarray(0, length), { resize: 24, crop: 16 });
          expect(cut, `${length} of ${bytes.length} bytes`).toEqual(expected);
        } catch (error) {
          expect(error).toBeInstanceOf(ImageError);
          failures++;
        }
      }
      expect(failures).toBeGreaterThan(60);
    },
  );

  it('a small file that claims a giant picture is refused before it is decoded', async () => {
    const bomb = await sharp({ create: { width: 16_000, height: 16_000, channels: 3, background: 'black' } })
      .png()
      .toBuffer();
    expect(bomb.length).toBeLessThan(1_000_000);
    const error = await failure(bomb);
    expect(error).toBeInstanceOf(ImageError);
    expect(error.message).toMatch(/png image of 16000 x 16000 pixels exceeds maxPixels = 178956970/);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="100000" height="100000"></svg>');
    expect(await failure(svg)).toBeInstanceOf(ImageError);
  });

  it('maxPixels is inclusive', async () => {
    const path = join(golden, 'rgb.png');
    await expect(preprocessToArray(path, { maxPixels: 45 * 31 })).resolves.toBeDefined();
    expect((await failure(path, { maxPixels: 45 * 31 - 1 })).message).toMatch(
      /45 x 31 pixels exceeds maxPixels = 1394/,
    );
  });
});

describe('large photos', () => {
  const path = join(folder, 'large.jpg');
  beforeAll(async () => {
    const [width, height] = [5000, 3500];
    const small = noise(50 * 35 * 3, 3);
    await sharp(small, { raw: { width: 50, height: 35, channels: 3 } })
      .resize(width, height)
      .jpeg()
      .toFile(path);
  });

  it('are resampled in slices: other work gets its turn many times meanwhile', async () => {
    const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    let turns = 0;
    let running = true;
    const other = (async () => {
      while (running) {
        await new Promise((resolve) => setImmediate(resolve));
        turns++;
      }
    })();
    await preprocessToArray({ data, width: info.width, height: info.height, channels: 3 });
    running = false;
    await other;
    // 3,500 rows of 224 · 25 · 3 products are 60 million: tens of slices of two milliseconds on any machine of today.
    expect(turns).toBeGreaterThanOrEqual(5);
  });
});
