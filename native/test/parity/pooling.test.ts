import { ops } from '@fusor/native';
import { describe, expect, test } from 'vitest';
import { Random } from '../reference/array.ts';
import { adaptivePool2d, type PoolingOptions, pool2d } from '../reference/pooling.ts';
import { EPSILON, expectClose, expectExactly, make, numbers, tensorOf } from '../support.ts';

type Settings = Partial<Omit<PoolingOptions, 'kernel'>> & Pick<PoolingOptions, 'kernel'>;

const settings: Record<string, Settings> = {
  'the stem of a ResNet': { kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] },
  '2x2': { kernel: [2, 2] },
  '3x2 with strides of their own': { kernel: [3, 2], stride: [1, 3] },
  '3x3 in ceil mode': { kernel: [3, 3], stride: [2, 2], ceilMode: true },
  'ceil mode with padding': { kernel: [3, 3], stride: [3, 2], padding: [1, 1, 1, 1], ceilMode: true },
  'overlapping, asymmetric padding': { kernel: [4, 3], stride: [1, 1], padding: [2, 1, 0, 1] },
  'a stride beyond the kernel': { kernel: [2, 2], stride: [5, 4] },
};
const shapes = [
  [1, 1, 4, 4],
  [2, 7, 9, 11],
  [1, 16, 14, 13],
  [1, 33, 7, 8],
] as const;

function complete(partial: Settings): PoolingOptions {
  const defaults = {
    padding: [0, 0, 0, 0],
    dilation: [1, 1],
    ceilMode: false,
    countIncludePad: true,
  } as const;
  return { ...defaults, stride: partial.kernel, ...partial };
}

describe('pooling of images agrees with plain loops', () => {
  for (const [name, partial] of Object.entries(settings)) {
    test(name, async () => {
      for (const shape of shapes) {
        const options = complete(partial);
        const { kernel, stride, padding, ceilMode } = options;
        const x = new Random(shape[1]).integers(shape, -50, 50);
        await expectExactly(
          ops.maxPool2d(tensorOf(x), kernel, { stride, padding, ceilMode }),
          pool2d(x, 'max', options),
        );
        for (const countIncludePad of [true, false]) {
          const result = ops.avgPool2d(tensorOf(x), kernel, { stride, padding, ceilMode, countIncludePad });
          await expectClose(result, pool2d(x, 'avg', { ...options, countIncludePad }), 50 * 8 * EPSILON);
        }
      }
    });
  }

  test('dilated max-pooling', async () => {
    const x = new Random(4).integers([2, 5, 13, 11], -50, 50);
    const options = complete({ kernel: [3, 2], stride: [2, 1], padding: [1, 1, 1, 1], dilation: [2, 3] });
    const { kernel, stride, padding, dilation } = options;
    await expectExactly(
      ops.maxPool2d(tensorOf(x), kernel, { stride, padding, dilation }),
      pool2d(x, 'max', options),
    );
  });

  test('the stride is the kernel unless told otherwise', async () => {
    const x = make.arange(36).reshape([1, 1, 6, 6]);
    expect(await numbers(ops.maxPool2d(x, 3))).toEqual([14, 17, 32, 35]);
    expect(await numbers(ops.avgPool2d(x, [2, 3]))).toEqual([4, 7, 16, 19, 28, 31]);
  });

  test('NaN stays NaN, and padding never wins', async () => {
    const x = make.from([-5, Number.NaN, -7, -8], [1, 1, 2, 2]);
    expect(await numbers(ops.maxPool2d(x, 1))).toEqual([-5, Number.NaN, -7, -8]);
    expect(await numbers(ops.maxPool2d(x, 2))).toEqual([Number.NaN]);
    expect(await numbers(ops.maxPool2d(make.full([1, 1, 2, 2], -3), 3, { padding: 1, stride: 3 }))).toEqual([
      -3,
    ]);
  });

  test('adaptive and global pooling', async () => {
    for (const shape of shapes) {
      const x = new Random(shape[3]).integers(shape, -50, 50);
      for (const size of [
        [1, 1],
        [2, 3],
        [5, 4],
        [7, 7],
      ] as const) {
        await expectExactly(ops.adaptiveMaxPool2d(tensorOf(x), size), adaptivePool2d(x, 'max', size));
        const expected = adaptivePool2d(x, 'avg', size);
        await expectClose(ops.adaptiveAvgPool2d(tensorOf(x), size), expected, 50 * 16 * EPSILON);
      }
      await expectClose(
        ops.globalAvgPool2d(tensorOf(x)),
        adaptivePool2d(x, 'avg', [1, 1]),
        50 * 16 * EPSILON,
      );
      await expectExactly(ops.globalMaxPool2d(tensorOf(x)), adaptivePool2d(x, 'max', [1, 1]));
    }
    const x = make.zeros([1, 2, 5, 9]);
    expect(ops.adaptiveAvgPool2d(x, [null, 3]).shape).toEqual([1, 2, 5, 3]);
    expect(ops.adaptiveAvgPool2d(x, [2, null]).shape).toEqual([1, 2, 2, 9]);
  });

  test('without a batch dimension', async () => {
    const x = new Random(9).integers([3, 6, 6], -9, 9);
    const options = complete({ kernel: [2, 2] });
    const batched = pool2d({ shape: [1, 3, 6, 6], data: x.data }, 'max', options);
    await expectExactly(ops.maxPool2d(tensorOf(x), 2), { shape: [3, 3, 3], data: batched.data });
  });

  test('of sequences', async () => {
    const x = new Random(8).integers([2, 3, 11], -50, 50);
    const row = { shape: [2, 3, 1, 11], data: x.data };
    const options = complete({ kernel: [1, 3], stride: [1, 2], padding: [0, 0, 1, 1], ceilMode: true });
    const flat = (array: { shape: readonly number[]; data: Float64Array }) => ({
      shape: [2, 3, array.shape[3]!],
      data: array.data,
    });
    const sequence = { stride: 2, padding: 1, ceilMode: true };
    await expectExactly(ops.maxPool1d(tensorOf(x), 3, sequence), flat(pool2d(row, 'max', options)));
    await expectClose(ops.avgPool1d(tensorOf(x), 3, sequence), flat(pool2d(row, 'avg', options)), 1e-4);
    await expectClose(ops.adaptiveAvgPool1d(tensorOf(x), 4), flat(adaptivePool2d(row, 'avg', [1, 4])), 1e-4);
    await expectExactly(ops.adaptiveMaxPool1d(tensorOf(x), 4), flat(adaptivePool2d(row, 'max', [1, 4])));
    expect(ops.maxPool1d(make.zeros([3, 8]), 2).shape).toEqual([3, 4]);
  });
});
