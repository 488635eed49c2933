import { ops } from '@fusor/native';
import { foldBatchNorm } from '@fusor/native/trace';
import { describe, expect, test } from 'vitest';
import { map, type NdArray, Random, zip } from '../reference/array.ts';
import { unary } from '../reference/elementwise.ts';
import { batchNorm, channelMoments, groupNorm, layerNorm, rmsNorm } from '../reference/normalization.ts';
import { conv2d } from '../reference/products.ts';
import { EPSILON, expectClose, magnitude, tensorOf } from '../support.ts';

// A few roundings on the way, each of the size of the result.
const tolerance = (expected: NdArray): number => 32 * EPSILON * Math.max(magnitude(expected), 1);

const shapes = [
  [1, 1],
  [5, 3],
  [2, 7, 5],
  [2, 16, 6, 6],
  [1, 19, 9, 7],
  [3, 33, 2, 1],
  [1, 2, 3, 4, 5],
];

function channels(
  random: Random,
  c: number,
): { mean: NdArray; variance: NdArray; weight: NdArray; bias: NdArray } {
  return {
    mean: random.array([c], -2, 2),
    variance: random.array([c], 0.1, 4),
    weight: random.array([c], -2, 2),
    bias: random.array([c]),
  };
}

describe('batch-norm', () => {
  for (const shape of shapes) {
    test(`normalises by the statistics it is given: ${JSON.stringify(shape)}`, async () => {
      const random = new Random(shape.length);
      const x = random.array(shape, -3, 3);
      const { mean, variance, weight, bias } = channels(random, shape[1]!);
      const statistics = { mean: tensorOf(mean), variance: tensorOf(variance) };
      const plain = batchNorm(x, mean, variance, {}, 1e-5);
      await expectClose(ops.batchNorm(tensorOf(x), statistics), plain, tolerance(plain));
      const affine = batchNorm(x, mean, variance, { weight, bias }, 1e-3);
      const options = { ...statistics, weight: tensorOf(weight), bias: tensorOf(bias), eps: 1e-3 };
      await expectClose(ops.batchNorm(tensorOf(x), options), affine, tolerance(affine));
    });

    test(`in training: normalises by the batch and updates the running statistics: ${JSON.stringify(shape)}`, async () => {
      const random = new Random(shape.length + 9);
      const x = random.array(shape, -3, 5);
      const { mean, variance, weight, bias } = channels(random, shape[1]!);
      const batch = channelMoments(x);
      if (batch.count === 1) return;
      const expected = batchNorm(x, batch.mean, batch.variance, { weight, bias }, 1e-5);
      const result = ops.batchNorm(tensorOf(x), {
        mean: tensorOf(mean),
        variance: tensorOf(variance),
        weight: tensorOf(weight),
        bias: tensorOf(bias),
        training: true,
        momentum: 0.25,
      });
      await expectClose(result.output, expected, 4 * tolerance(expected));
      await expectClose(
        result.mean,
        zip(mean, batch.mean, (running, now) => 0.75 * running + 0.25 * now),
        1e-5,
      );
      const unbiased = map(batch.variance, (value) => (value * batch.count) / (batch.count - 1));
      await expectClose(
        result.variance,
        zip(variance, unbiased, (running, now) => 0.75 * running + 0.25 * now),
        1e-5,
      );
    });
  }

  test('adds the residual before the activation', async () => {
    const random = new Random(77);
    const x = random.array([2, 12, 7, 5]);
    const residual = random.array([2, 12, 7, 5]);
    const { mean, variance, weight, bias } = channels(random, 12);
    const sum = zip(batchNorm(x, mean, variance, { weight, bias }, 1e-5), residual, (a, b) => a + b);
    const result = ops.batchNorm(tensorOf(x), {
      mean: tensorOf(mean),
      variance: tensorOf(variance),
      weight: tensorOf(weight),
      bias: tensorOf(bias),
      residual: tensorOf(residual),
      activation: 'relu',
    });
    await expectClose(result, map(sum, unary.relu!), tolerance(sum));
  });

  test('statistics of large offsets lose nothing to cancellation', async () => {
    const x = map(new Random(3).array([4, 2, 31, 31]), (value) => Math.fround(value + 4096));
    const { mean, variance } = channelMoments(x);
    const zeros = tensorOf(map(mean, () => 0));
    const result = ops.batchNorm(tensorOf(x), { mean: zeros, variance: zeros, training: true, momentum: 1 });
    await expectClose(result.mean, mean, 4096 * 4 * EPSILON);
    const unbiased = map(variance, (value) => (value * 4 * 961) / (4 * 961 - 1));
    await expectClose(result.variance, unbiased, 1e-3);
  });

  test('folded into a convolution, the convolution does both', async () => {
    const random = new Random(13);
    const x = random.array([1, 5, 8, 8]);
    const weight = random.array([9, 5, 3, 3]);
    const bias = random.array([9]);
    const { mean, variance, weight: gamma, bias: beta } = channels(random, 9);
    const expected = batchNorm(
      conv2d(x, weight, { bias }),
      mean,
      variance,
      { weight: gamma, bias: beta },
      1e-5,
    );
    const folded = foldBatchNorm(tensorOf(weight), {
      bias: tensorOf(bias),
      mean: tensorOf(mean),
      variance: tensorOf(variance),
      gamma: tensorOf(gamma),
      beta: tensorOf(beta),
      eps: 1e-5,
    });
    await expectClose(
      ops.conv2d(tensorOf(x), folded.weight, { bias: folded.bias }),
      expected,
      4 * tolerance(expected),
    );
    const without = foldBatchNorm(tensorOf(weight), {
      mean: tensorOf(mean),
      variance: tensorOf(variance),
      eps: 1e-5,
    });
    const plain = batchNorm(conv2d(x, weight), mean, variance, {}, 1e-5);
    await expectClose(
      ops.conv2d(tensorOf(x), without.weight, { bias: without.bias }),
      plain,
      4 * tolerance(plain),
    );
  });
});

describe('layer-norm and its kin', () => {
  const rows: readonly (readonly [readonly number[], number])[] = [
    [[1], 1],
    [[3, 5], 1],
    [[7, 768], 1],
    [[2, 3, 17], 1],
    [[2, 3, 17], 2],
    [[2, 3, 17], 3],
    [[4, 1025], 1],
    [[0, 8], 1],
  ];
  for (const [shape, rank] of rows) {
    const normalized = shape.slice(shape.length - rank);
    test(`over the last ${rank} of ${JSON.stringify(shape)}`, async () => {
      const random = new Random(shape.length * 5 + rank);
      const x = random.array(shape, -3, 3);
      const residual = random.array(shape, -3, 3);
      const weight = random.array(normalized, -2, 2);
      const bias = random.array(normalized);
      const options = { weight: tensorOf(weight), bias: tensorOf(bias) };

      const plain = layerNorm(x, rank, {}, 1e-5);
      await expectClose(ops.layerNorm(tensorOf(x), normalized), plain, 4 * tolerance(plain));
      const affine = layerNorm(x, rank, { weight, bias }, 1e-3);
      await expectClose(
        ops.layerNorm(tensorOf(x), normalized, { ...options, eps: 1e-3 }),
        affine,
        4 * tolerance(affine),
      );

      const total = zip(x, residual, (a, b) => Math.fround(a + b));
      const both = ops.addLayerNorm(tensorOf(x), tensorOf(residual), normalized, options);
      await expectClose(both.sum, total, 0);
      const expected = layerNorm(total, rank, { weight, bias }, 1e-5);
      await expectClose(both.output, expected, 4 * tolerance(expected));

      const rms = rmsNorm(x, rank, weight, 2 ** -23);
      await expectClose(
        ops.rmsNorm(tensorOf(x), normalized, { weight: tensorOf(weight) }),
        rms,
        4 * tolerance(rms),
      );
    });
  }

  test('a row of equal numbers gives the bias', async () => {
    const x = { shape: [2, 100], data: new Float64Array(200).fill(123.25) };
    await expectClose(
      ops.layerNorm(tensorOf(x), 100),
      map(x, () => 0),
      0,
    );
  });

  test('large offsets do not cancel the variance away', async () => {
    const x = map(new Random(31).array([3, 1000]), (value) => Math.fround(value + 4096));
    const expected = layerNorm(x, 1, {}, 1e-5);
    await expectClose(ops.layerNorm(tensorOf(x), 1000), expected, 1e-3);
  });

  test('a single dimension may be given as a number', async () => {
    const x = new Random(2).array([2, 6]);
    await expectClose(ops.layerNorm(tensorOf(x), 6), layerNorm(x, 1, {}, 1e-5), 1e-5);
  });
});

describe('group-norm', () => {
  for (const [shape, groups] of [
    [[2, 6], 3],
    [[2, 12, 5], 4],
    [[1, 8, 7, 3], 1],
    [[3, 8, 7, 3], 8],
    [[1, 32, 9, 9], 32],
  ] as const) {
    test(`${JSON.stringify(shape)} in ${groups} groups`, async () => {
      const random = new Random(groups);
      const x = random.array(shape, -3, 3);
      const weight = random.array([shape[1]], -2, 2);
      const bias = random.array([shape[1]]);
      const expected = groupNorm(x, groups, { weight, bias }, 1e-5);
      const result = ops.groupNorm(tensorOf(x), groups, { weight: tensorOf(weight), bias: tensorOf(bias) });
      await expectClose(result, expected, 4 * tolerance(expected));
      expect(result.shape).toEqual(shape);
    });
  }
});
