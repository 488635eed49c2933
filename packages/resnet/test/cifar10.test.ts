import { compile, type Module, type Plan } from '@fusor/layers';
import { scope, Tensor } from '@fusor/native';
import { cifar10Labels, cifarResnet20, classify, models } from '@fusor/resnet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cifar10Weights, hasCifar10, readCifar10, readLogits } from './support/cifar10.ts';

if (!hasCifar10) console.log('cifar10.test.ts: skipped, ../shared/data/cifar10-resnet20 is not there');

describe.skipIf(!hasCifar10)('a trained ResNet-20 on real images (skipped without ../shared/data)', () => {
  const batch = 100;
  let model: Module;
  let plan: Plan;

  beforeAll(async () => {
    model = cifarResnet20();
    await model.load(cifar10Weights);
    model.eval();
    plan = await compile(model, { input: ['n', 3, 32, 32], device: 'cpu' });
  });

  afterAll(() => {
    plan.dispose();
    model.dispose();
  });

  const ways = {
    eager: async (input: Float32Array, count: number) =>
      (await scope(() => model.forward(Tensor.from(input, [count, 3, 32, 32]))).data()) as Float32Array,
    compiled: async (input: Float32Array, count: number) =>
      (await ((await plan.run(Tensor.from(input, [count, 3, 32, 32]))) as Tensor).data()) as Float32Array,
  };

  describe.each(['eager', 'compiled'] as const)('%s', (way) => {
    it.each([
      ['test1000', 804, ['test1000-logits.f32.bin', 'test1000-logits.f64.bin']],
      ['lossless-test20', 20, ['lossless-test20-logits.f32.bin']],
      ['lossless-train1000', 999, ['lossless-train1000-logits.f32.bin']],
    ])('%s: %i right, and every logit within 1e-4 of the recorded ones', async (name, right, files) => {
      const images = readCifar10(`${name}.bin`);
      const logits = new Float32Array(images.count * 10);
      for (let first = 0; first < images.count; first += batch) {
        const end = Math.min(first + batch, images.count);
        logits.set(await ways[way](images.input(first, end), end - first), first * 10);
      }
      for (const file of files) {
        const expected = readLogits(file);
        let worst = 0;
        for (let i = 0; i < expected.length; i++) {
          const difference = Math.abs(logits[i]! - expected[i]!);
          worst = Math.max(worst, difference);
        }
        expect(expected).toHaveLength(logits.length);
        expect(worst, file).toBeLessThan(1e-4);
      }
      let correct = 0;
      for (let index = 0; index < images.count; index++) {
        const row = logits.subarray(index * 10, index * 10 + 10);
        if (row.indexOf(Math.max(...row)) === images.labels[index]) correct++;
      }
      expect(correct).toBe(right);
    });
  });

  it('classify names the lossless images right, in any batch', async () => {
    const images = readCifar10('lossless-test20.bin');
    const sources = Array.from({ length: images.count }, (_, index) => ({
      data: images.rgb(index),
      width: 32,
      height: 32,
      channels: 3 as const,
    }));
    for (const size of [1, 7, 20]) {
      const predictions = await classify(plan, sources, { ...models.cifarResnet20, batch: size, top: 1 });
      const names = predictions.map(([best]) => best!.label);
      expect(names).toEqual([...images.labels].map((label) => cifar10Labels[label]));
    }
  });
});
