import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PreprocessOptions } from '@fusor/resnet';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PillowPicture, pythonWithPillow, transformWithPillow } from './support/pillow.ts';
import { distance, noise, preprocessedBytes } from './support/pixels.ts';

const sizes = [
  [1, 1],
  [1, 9],
  [9, 1],
  [61, 83],
  [83, 61],
  [256, 256],
  [256, 300],
  [300, 256],
  [257, 511],
  [225, 224],
  [97, 1301],
  [2, 517],
  [1000, 777],
  [1600, 1203],
] as const;

const variants: readonly (Required<Pick<PreprocessOptions, 'resize' | 'crop'>> & { label: string })[] = [
  { label: '256 -> 224', resize: 256, crop: 224 },
  { label: '232 -> 224', resize: 232, crop: 224 },
  { label: '235 -> 224 (odd margins)', resize: 235, crop: 224 },
  { label: '200 -> 224 (padded)', resize: 200, crop: 224 },
  { label: '32 -> 32', resize: 32, crop: 32 },
  { label: '[100, 151] -> [99, 64]', resize: [100, 151], crop: [99, 64] },
  { label: 'not resized -> 224', resize: false, crop: 224 },
  { label: '64 -> not cropped', resize: 64, crop: false },
];

// `npm test` without Pillow still has the recorded results of golden.test.ts.
describe.skipIf(pythonWithPillow === undefined)(
  'live comparison with Pillow (skipped without python3-pil)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'fusor-pillow-'));
    const cases = sizes.flatMap(([height, width]) =>
      variants.map((variant) => ({
        ...variant,
        height,
        width,
        name: `${height}x${width}, ${variant.label}`,
      })),
    );
    let noisy: PillowPicture[];
    let photos: PillowPicture[];

    function imagePath(kind: 'noise' | 'jpeg', height: number, width: number): string {
      return join(folder, `${height}x${width}.${kind === 'noise' ? 'png' : 'jpg'}`);
    }

    beforeAll(async () => {
      for (const [height, width] of sizes) {
        const raw = { raw: { width, height, channels: 3 as const } };
        const pixels = sharp(noise(height * width * 3, height * 7919 + width), raw);
        await pixels
          .clone()
          .png({ compressionLevel: 1 })
          .toFile(imagePath('noise', height, width));
        await pixels
          .clone()
          .jpeg({ quality: 90 })
          .toFile(imagePath('jpeg', height, width));
      }
      mkdirSync(join(folder, 'out'));
      const run = (kind: 'noise' | 'jpeg') =>
        transformWithPillow(
          cases.map(({ height, width, resize, crop }, index) => ({
            path: imagePath(kind, height, width),
            resize,
            crop,
            out: join(folder, 'out', `${kind}${index}`),
          })),
        );
      noisy = run('noise');
      photos = run('jpeg');
    });

    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(cases.map((each, index) => [each.name, each, index] as const))(
      'noise of %s: every byte is the same',
      async (_name, { height, width, resize, crop }, index) => {
        const bytes = await preprocessedBytes(imagePath('noise', height, width), { resize, crop });
        expect(distance(bytes, noisy[index]!.data)).toEqual({ mean: 0, worst: 0 });
      },
    );

    it('JPEG files: within half a grey level on average and 2 at worst', async () => {
      for (const [index, { height, width, resize, crop, name }] of cases.entries()) {
        const bytes = await preprocessedBytes(imagePath('jpeg', height, width), { resize, crop });
        const { mean, worst } = distance(bytes, photos[index]!.data);
        expect(mean, name).toBeLessThanOrEqual(0.5);
        expect(worst, name).toBeLessThanOrEqual(2);
      }
    });

    it('a file that Pillow wrote and one that was rewritten in place are both read afresh', async () => {
      const path = join(folder, 'changing.png');
      writeFileSync(path, readFileSync(imagePath('noise', 61, 83)));
      const before = await preprocessedBytes(path, { resize: 32, crop: 32 });
      writeFileSync(path, readFileSync(imagePath('noise', 83, 61)));
      const after = await preprocessedBytes(path, { resize: 32, crop: 32 });
      expect(distance(before, after).worst).toBeGreaterThan(0);
    });
  },
);
