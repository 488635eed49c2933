import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { preprocessToArray } from '@fusor/resnet';
import { describe, expect, it } from 'vitest';
import { distance, preprocessedBytes } from './support/pixels.ts';

// Written by pillow/reference.py with Pillow 9.4.
interface Golden {
  readonly width: number;
  readonly height: number;
  readonly lossless: boolean;
  readonly sha256of224: string;
  readonly pixelsOf16: string;
}

const folder = join(import.meta.dirname, 'golden');
const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as Record<string, Golden>;
const files = Object.entries(golden);
const lossless = files.filter(([, { lossless }]) => lossless);
const jpegs = files.filter(([, { lossless }]) => !lossless);

describe('recorded results of Pillow', () => {
  it('cover grey, alpha, palette, 1 and 16 bits, ink, orientation, thin and tiny images', () => {
    expect(lossless.length).toBeGreaterThanOrEqual(13);
    expect(jpegs.length).toBeGreaterThanOrEqual(11);
  });

  it.each(files)(
    '%s: has the size that Pillow sees, orientation applied',
    async (name, { width, height }) => {
      const { shape } = await preprocessToArray(join(folder, name), { resize: false, crop: false });
      expect(shape).toEqual([1, 3, height, width]);
    },
  );

  it.each(lossless)('%s: resize to 256 and crop to 224 give the same bytes', async (name, expected) => {
    const bytes = await preprocessedBytes(join(folder, name), {});
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(expected.sha256of224);
  });

  it.each(lossless)('%s: shrinking to 24 and cropping to 16 give the same bytes', async (name, expected) => {
    const bytes = await preprocessedBytes(join(folder, name), { resize: 24, crop: 16 });
    expect(Buffer.from(bytes).toString('base64')).toBe(expected.pixelsOf16);
  });

  // JPEG leaves the last bit of a pixel to the decoder, so another build of it may differ from Pillow's by one.
  it.each(jpegs)('%s: within half a grey level on average and 2 at worst', async (name, expected) => {
    const bytes = await preprocessedBytes(join(folder, name), { resize: 24, crop: 16 });
    const { mean, worst } = distance(bytes, Buffer.from(expected.pixelsOf16, 'base64'));
    expect(mean).toBeLessThanOrEqual(0.5);
    expect(worst).toBeLessThanOrEqual(2);
  });

  it('tell all eight orientations apart', () => {
    const oriented = jpegs
      .filter(([name]) => name.startsWith('exif'))
      .map(([, { pixelsOf16 }]) => pixelsOf16);
    expect(new Set(oriented).size).toBe(7);
  });
});
