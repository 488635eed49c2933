import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArgumentError, ImageError, ShapeError } from '@fusor/errors';
import { AdaptiveAvgPool2d, compile, Flatten, Module } from '@fusor/layers';
import { memory, ops, Tensor } from '@fusor/native';
import {
  type ClassifyOptions,
  classify,
  classifyEach,
  type ImageSource,
  preprocess,
  type RawImage,
} from '@fusor/resnet';
import { afterAll, describe, expect, it } from 'vitest';
import { settledMemory } from '../../../native/test/settled-memory.ts';
import { softmax, topPredictions } from '../src/top.ts';
import { distance } from './support/pixels.ts';

/** Three outputs: the mean of red, of green and of blue. What an image is, is plain to see. */
class Colours extends Module {
  readonly pool: AdaptiveAvgPool2d = new AdaptiveAvgPool2d([1, 1]);
  readonly flatten: Flatten = new Flatten();

  override forward(x: Tensor): Tensor {
    return this.flatten.forward(this.pool.forward(x));
  }
}

const labels = ['red', 'green', 'blue'];
const transform = { resize: 8, crop: 8, mean: [0, 0, 0], std: [1, 1, 1] } as const;
const options = { labels, preprocess: transform, top: 3 };

function plain(red: number, green: number, blue: number): RawImage {
  const data = Uint8Array.from({ length: 12 * 9 * 3 }, (_, i) => [red, green, blue][i % 3]!);
  return { data, width: 12, height: 9, channels: 3 };
}

const red = plain(255, 51, 0);
const green = plain(0, 255, 51);
const blue = plain(51, 0, 255);
const broken = Buffer.from('this is not an image');

function colours(): Module {
  return new Colours().eval();
}

describe('classify', () => {
  it('gives classes most probable first, with softmax as probability: module', async () => {
    const [first, second, third] = await classify(colours(), red, options);
    const total = Math.exp(1) + Math.exp(0.2) + 1;
    expect([first!.label, second!.label, third!.label]).toEqual(['red', 'green', 'blue']);
    expect([first!.index, second!.index, third!.index]).toEqual([0, 1, 2]);
    expect(first!.probability).toBeCloseTo(Math.exp(1) / total, 6);
    expect(second!.probability).toBeCloseTo(Math.exp(0.2) / total, 6);
    expect(third!.probability).toBeCloseTo(1 / total, 6);
  });

  it.each([1, 2, 5, 'n'] as const)('plan for a batch of %s: every image keeps its place', async (batch) => {
    const plan = await compile(colours(), { input: [batch, 3, 8, 8], device: 'cpu' });
    const images = [red, blue, green, green, blue, red, red];
    for (const count of [1, 2, 4, 5, 6, 7]) {
      const results = await classify(plan, images.slice(0, count), { ...options, top: 1, batch: 3 });
      const names = results.map(([best]) => best!.label);
      expect(names).toEqual(['red', 'blue', 'green', 'green', 'blue', 'red', 'red'].slice(0, count));
    }
    plan.dispose();
  });

  it('an image alone gives one list, a list of one image a list of lists', async () => {
    const one = await classify(colours(), blue, { ...options, top: 1 });
    expect(one).toMatchObject([{ label: 'blue', index: 2 }]);
    expect(await classify(colours(), [blue], { ...options, top: 1 })).toEqual([one]);
    expect(await classify(colours(), [], options)).toEqual([]);
  });

  it('without labels, outputs are numbered', async () => {
    const [best] = await classify(colours(), green, { preprocess: transform });
    expect(best!.label).toBe('class 1');
  });

  it('leaves no tensor behind, whether it succeeds or fails', async () => {
    const module = colours();
    const plan = await compile(module, { input: [2, 3, 8, 8], device: 'cpu' });
    // Settled: what the tests before left is not collected in between.
    const before = (await settledMemory()).tensors;
    for (const classifier of [module, plan]) {
      await classify(classifier, [red, green, blue], options);
      await classify(classifier, [red, broken], options).catch(() => {});
      await classify(classifier, [red], { ...options, labels: ['a'] }).catch(() => {});
      await classify(classifier, [red], { ...options, preprocess: { resize: 4, crop: 4 } }).catch(() => {});
    }
    expect(memory().tensors).toBe(before);
    plan.dispose();
  });

  it('rejects with the error of the first image that cannot be decoded', async () => {
    await expect(classify(colours(), [red, broken, green], options)).rejects.toThrow(ImageError);
    await expect(classify(colours(), broken, options)).rejects.toThrow(/image of 20 bytes: is not an image/);
  });

  it.each<[ClassifyOptions, new (text: string) => Error, RegExp]>([
    [{ top: 0 }, ArgumentError, /top must be a whole number of 1 or more, got 0/],
    [{ batch: 1.5 }, ArgumentError, /batch must be a whole number of 1 or more, got 1.5/],
    [{ labels: ['a', 'b'] }, ArgumentError, /the network has 3 outputs, but labels has 2 names/],
    [{ preprocess: { resize: -1 } }, ArgumentError, /resize must be/],
    [{ preprocess: { crop: false, resize: false } }, ShapeError, /must come out in one size/],
  ])('%j is an error that says why', async (wrong, kind, text) => {
    const other = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 } as const;
    const error = await classify(colours(), [red, other], { ...options, ...wrong }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(text);
  });

  it('a module in training mode is refused, because batch-norm would use the statistics of the batch', async () => {
    await expect(classify(new Colours(), red, options)).rejects.toThrow(/training mode; call eval\(\)/);
  });

  it('a network that gives anything but [n, classes] is refused', async () => {
    class Pixels extends Module {
      override forward(x: Tensor): Tensor {
        return ops.relu(x);
      }
    }
    await expect(classify(new Pixels().eval(), red, options)).rejects.toThrow(/must put out \[1, classes\]/);
  });
});

describe('classifyEach', () => {
  it('gives every image its entry, in order, whatever fails between', async () => {
    const plan = await compile(colours(), { input: [2, 3, 8, 8], device: 'cpu' });
    const images: ImageSource[] = [broken, red, broken, broken, blue, green, broken];
    const outcomes: string[] = [];
    for await (const outcome of classifyEach(plan, images, options)) {
      expect(outcome.source).toBe(images[outcome.index]);
      outcomes.push('error' in outcome ? outcome.error.code : outcome.predictions[0]!.label);
    }
    const failed = 'ERR_FUSOR_IMAGE';
    expect(outcomes).toEqual([failed, 'red', failed, failed, 'blue', 'green', failed]);
    plan.dispose();
  });

  it('a caller that stops early leaves nothing behind that fails', async () => {
    const wrong = { data: new Uint8Array(1), width: 9, height: 9, channels: 3 } as const;
    for await (const outcome of classifyEach(colours(), [red, wrong], { ...options, batch: 1 })) {
      expect('predictions' in outcome).toBe(true);
      break;
    }
    // An unhandled rejection of the second image would fail this test file.
    await new Promise((resolve) => setTimeout(resolve, 50));
  });
});

describe('preprocess', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fusor-classify-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('gives a tensor [1, 3, 224, 224] for an image and [n, 3, ...] for several', async () => {
    const one = await preprocess(red);
    expect(one).toBeInstanceOf(Tensor);
    expect(one.shape).toEqual([1, 3, 224, 224]);
    expect(one.dtype).toBe('f32');
    const both = await preprocess([red, blue], transform);
    expect(both.shape).toEqual([2, 3, 8, 8]);
    const values = (await both.data()) as Float32Array;
    const alone = (await (await preprocess(blue, transform)).data()) as Float32Array;
    expect(values.subarray(192)).toEqual(alone);
    expect(
      distance(Uint8Array.from(alone, (v) => v * 255).subarray(0, 64), new Uint8Array(64).fill(51)).worst,
    ).toBeLessThan(2);
  });

  it('names the file that is no image', async () => {
    const path = join(folder, 'words.jpg');
    writeFileSync(path, 'words');
    await expect(preprocess([red, path])).rejects.toThrow(/'.*words\.jpg': is not an image/);
    await expect(preprocess([])).rejects.toThrow(/an empty list of images/);
  });
});

describe('topPredictions', () => {
  it('keeps the order of indices where probabilities are equal', () => {
    const names = ['a', 'b', 'c', 'd'];
    const [row] = topPredictions(Float32Array.from([1, 2, 2, 1]), 4, names, 4);
    expect(row!.map(({ label }) => label)).toEqual(['b', 'c', 'a', 'd']);
  });

  it('gives no more classes than there are', () => {
    expect(topPredictions(new Float32Array(6), 3, ['a', 'b', 'c'], 5).map((row) => row.length)).toEqual([
      3, 3,
    ]);
  });

  it('softmax neither overflows nor loses small probabilities', () => {
    expect([...softmax([1000, 1000])]).toEqual([0.5, 0.5]);
    expect(softmax([0, -100])[1]).toBeCloseTo(Math.exp(-100), 50);
    expect([...softmax([Number.NaN, 0])].every(Number.isNaN)).toBe(true);
  });
});
