import { ops } from '@fusor/native';
import { describe, expect, test } from 'vitest';
import { map, type NdArray, Random } from '../reference/array.ts';
import { geluTanh, unary } from '../reference/elementwise.ts';
import { type ConvolutionOptions, conv2d, linear, matmul } from '../reference/products.ts';
import { EPSILON, expectClose, expectExactly, magnitude, tensorOf } from '../support.ts';

const absolute = (array: NdArray): NdArray => map(array, Math.abs);

/**
 * The error of a sum of `length` products in f32 is at most about `length / 2` roundings of the sum of absolute products
 * and in practice its square root; Winograd's transforms spread it over a tile and cost a factor of about 4.
 */
function tolerance(length: number, absoluteProducts: NdArray): number {
  return EPSILON * 4 * (4 + Math.sqrt(length)) * magnitude(absoluteProducts);
}

interface Shape {
  readonly x: readonly [number, number, number, number];
  readonly weight: readonly [number, number, number, number];
  readonly options?: Omit<ConvolutionOptions, 'bias' | 'residual'>;
}

const shapes: Record<string, Shape> = {
  '1x1 on one pixel': { x: [1, 1, 1, 1], weight: [1, 1, 1, 1] },
  '1x1, odd channels': { x: [2, 7, 5, 3], weight: [13, 7, 1, 1] },
  '1x1 with stride 2': { x: [1, 19, 9, 11], weight: [33, 19, 1, 1], options: { stride: [2, 2] } },
  '1x1, wide': { x: [1, 64, 14, 14], weight: [40, 64, 1, 1] },
  '3x3, padding 1': { x: [1, 16, 13, 13], weight: [16, 16, 3, 3], options: { padding: [1, 1, 1, 1] } },
  '3x3, padding 1, odd channels': {
    x: [2, 17, 11, 7],
    weight: [19, 17, 3, 3],
    options: { padding: [1, 1, 1, 1] },
  },
  '3x3, padding 1, larger than a tile': {
    x: [1, 32, 29, 31],
    weight: [35, 32, 3, 3],
    options: { padding: [1, 1, 1, 1] },
  },
  '3x3 without padding': { x: [1, 5, 4, 4], weight: [3, 5, 3, 3] },
  '3x3 with stride 2': {
    x: [2, 11, 15, 10],
    weight: [9, 11, 3, 3],
    options: { stride: [2, 2], padding: [1, 1, 1, 1] },
  },
  '3x3 dilated': {
    x: [1, 6, 17, 15],
    weight: [8, 6, 3, 3],
    options: { dilation: [2, 3], padding: [2, 2, 3, 3] },
  },
  '3x3 grouped': { x: [2, 12, 9, 9], weight: [18, 4, 3, 3], options: { groups: 3, padding: [1, 1, 1, 1] } },
  '3x3 grouped by 32': {
    x: [1, 64, 8, 8],
    weight: [64, 2, 3, 3],
    options: { groups: 32, padding: [1, 1, 1, 1] },
  },
  'depthwise 3x3': {
    x: [2, 21, 10, 9],
    weight: [21, 1, 3, 3],
    options: { groups: 21, padding: [1, 1, 1, 1] },
  },
  'depthwise with a multiplier': {
    x: [1, 5, 8, 8],
    weight: [15, 1, 5, 5],
    options: { groups: 5, stride: [2, 1], padding: [2, 2, 2, 2] },
  },
  '5x1 and strides of their own': {
    x: [1, 3, 23, 6],
    weight: [10, 3, 5, 1],
    options: { stride: [3, 2], padding: [2, 2, 0, 0] },
  },
  'asymmetric padding': { x: [1, 4, 7, 6], weight: [6, 4, 3, 2], options: { padding: [0, 2, 1, 3] } },
  'the stem of a ResNet': {
    x: [1, 3, 37, 41],
    weight: [64, 3, 7, 7],
    options: { stride: [2, 2], padding: [3, 3, 3, 3] },
  },
  'a kernel larger than the image': {
    x: [1, 2, 2, 3],
    weight: [3, 2, 5, 5],
    options: { padding: [2, 2, 2, 2] },
  },
  'an empty batch': { x: [0, 3, 5, 5], weight: [4, 3, 3, 3], options: { padding: [1, 1, 1, 1] } },
};

describe('conv2d agrees with plain loops in f64', () => {
  for (const [name, { x: xShape, weight: weightShape, options = {} }] of Object.entries(shapes)) {
    test(name, async () => {
      const random = new Random(xShape[1] * 31 + weightShape[0]);
      const x = random.array(xShape);
      const weight = random.array(weightShape);
      const bias = random.array([weightShape[0]]);
      const expected = conv2d(x, weight, { ...options, bias });
      const bound = conv2d(absolute(x), absolute(weight), { ...options, bias: absolute(bias) });
      const length = weightShape[1] * weightShape[2] * weightShape[3];
      const result = ops.conv2d(tensorOf(x), tensorOf(weight), { ...options, bias: tensorOf(bias) });
      await expectClose(result, expected, tolerance(length, bound));
    });
  }

  test('small integers exactly', async () => {
    const random = new Random(5);
    for (const [xShape, weightShape, options] of [
      [[2, 9, 9, 8], [17, 9, 1, 1], {}],
      [[1, 8, 9, 9], [16, 4, 3, 3], { groups: 2, stride: [2, 2], padding: [1, 1, 1, 1] }],
      [[1, 16, 6, 7], [16, 1, 3, 3], { groups: 16, padding: [1, 1, 1, 1] }],
    ] as const) {
      const x = random.integers(xShape, -4, 4);
      const weight = random.integers(weightShape, -3, 3);
      const bias = random.integers([weightShape[0]], -9, 9);
      const result = ops.conv2d(tensorOf(x), tensorOf(weight), { ...options, bias: tensorOf(bias) });
      await expectExactly(result, conv2d(x, weight, { ...options, bias }));
    }
  });

  test('3x3 on small integers, whichever algorithm, to the rounding of its transforms', async () => {
    const random = new Random(6);
    const x = random.integers([1, 16, 12, 12], -4, 4);
    const weight = random.integers([16, 16, 3, 3], -3, 3);
    const result = ops.conv2d(tensorOf(x), tensorOf(weight), { padding: 1 });
    await expectClose(result, conv2d(x, weight, { padding: [1, 1, 1, 1] }), 1e-2);
  });
});

describe('the epilogue of a convolution', () => {
  const random = new Random(11);
  const residualOf: Record<string, readonly [number, number, number, number]> = {
    '1x1': [20, 12, 1, 1],
    '3x3': [20, 12, 3, 3],
    'depthwise 3x3': [12, 1, 3, 3],
  };
  const activations = {
    relu: unary.relu!,
    gelu: unary.gelu!,
    'gelu-tanh': geluTanh,
    silu: unary.silu!,
  } as const;
  for (const [name, weightShape] of Object.entries(residualOf)) {
    for (const [activation, fn] of Object.entries(activations)) {
      test(`${name}: bias, residual and ${activation}`, async () => {
        const groups = weightShape[1] === 1 ? 12 : 1;
        const padding = weightShape[2] === 3 ? ([1, 1, 1, 1] as const) : ([0, 0, 0, 0] as const);
        const x = random.array([2, 12, 10, 9]);
        const weight = random.array(weightShape);
        const bias = random.array([weightShape[0]]);
        const residual = random.array([2, weightShape[0], 10, 9]);
        const options = { groups, padding, bias, residual };
        const expected = map(conv2d(x, weight, options), fn);
        const bound = conv2d(absolute(x), absolute(weight), options);
        const result = ops.conv2d(tensorOf(x), tensorOf(weight), {
          groups,
          padding,
          bias: tensorOf(bias),
          residual: tensorOf(residual),
          activation: activation as keyof typeof activations,
        });
        await expectClose(result, expected, tolerance(12 * 9, bound));
      });
    }
  }

  test('clamp, with the bounds given', async () => {
    const x = random.array([1, 8, 6, 6]);
    const weight = random.array([8, 8, 3, 3]);
    const expected = map(conv2d(x, weight), (value) => Math.min(Math.max(value, -0.5), 0.75));
    const result = ops.conv2d(tensorOf(x), tensorOf(weight), { activation: { clamp: [-0.5, 0.75] } });
    await expectClose(result, expected, 1e-4);
  });

  test('ReLU keeps NaN', async () => {
    const x = { shape: [1, 1, 1, 2], data: Float64Array.of(Number.NaN, -1) };
    const result = ops.conv2d(tensorOf(x), tensorOf({ shape: [1, 1, 1, 1], data: Float64Array.of(1) }), {
      activation: 'relu',
    });
    await expectExactly(result, { shape: [1, 1, 1, 2], data: Float64Array.of(Number.NaN, 0) });
  });
});

describe('linear agrees with plain loops in f64', () => {
  for (const [rows, inputs, outputs] of [
    [1, 1, 1],
    [1, 2048, 10],
    [3, 17, 33],
    [37, 129, 65],
    [128, 64, 48],
    [5, 512, 7],
  ] as const) {
    test(`[${rows}, ${inputs}] to ${outputs}, with bias and residual`, async () => {
      const random = new Random(rows * 7 + outputs);
      const x = random.array([rows, inputs]);
      const weight = random.array([outputs, inputs]);
      const bias = random.array([outputs]);
      const residual = random.array([rows, outputs]);
      const bound = linear(absolute(x), absolute(weight), absolute(bias), absolute(residual));
      const result = ops.linear(tensorOf(x), tensorOf(weight), {
        bias: tensorOf(bias),
        residual: tensorOf(residual),
        activation: 'gelu',
      });
      await expectClose(
        result,
        map(linear(x, weight, bias, residual), unary.gelu!),
        tolerance(inputs, bound),
      );
    });
  }

  test('any leading dimensions, also none and empty ones', async () => {
    const random = new Random(3);
    const weight = random.integers([5, 6], -3, 3);
    for (const shape of [[6], [2, 3, 4, 6], [0, 6], [2, 1, 6]]) {
      const x = random.integers(shape, -5, 5);
      await expectExactly(ops.linear(tensorOf(x), tensorOf(weight)), linear(x, weight));
    }
  });
});

describe('matmul agrees with plain loops in f64', () => {
  const pairs: readonly (readonly [readonly number[], readonly number[]])[] = [
    [
      [1, 1],
      [1, 1],
    ],
    [
      [5, 7],
      [7, 3],
    ],
    [
      [65, 130],
      [130, 67],
    ],
    [
      [3, 8, 9],
      [3, 9, 4],
    ],
    [
      [2, 1, 5, 6],
      [3, 6, 7],
    ],
    [
      [4, 5],
      [2, 5, 6],
    ],
    [
      [2, 0],
      [0, 3],
    ],
    [
      [0, 4],
      [4, 3],
    ],
  ];
  for (const [aShape, bShape] of pairs) {
    test(`${JSON.stringify(aShape)} @ ${JSON.stringify(bShape)}`, async () => {
      const random = new Random(aShape.length + bShape.length);
      const a = random.array(aShape);
      const b = random.array(bShape);
      const bound = matmul(absolute(a), absolute(b));
      await expectClose(ops.matmul(tensorOf(a), tensorOf(b)), matmul(a, b), tolerance(aShape.at(-1)!, bound));
    });
  }

  test('a rank 1 operand is a row on the left and a column on the right', async () => {
    const random = new Random(8);
    const m = random.integers([2, 3, 4], -5, 5);
    const row = random.integers([3], -5, 5);
    const column = random.integers([4], -5, 5);
    const asRow = matmul({ shape: [1, 3], data: row.data }, m);
    await expectExactly(ops.matmul(tensorOf(row), tensorOf(m)), { shape: [2, 4], data: asRow.data });
    const asColumn = matmul(m, { shape: [4, 1], data: column.data });
    await expectExactly(ops.matmul(tensorOf(m), tensorOf(column)), { shape: [2, 3], data: asColumn.data });
    const dot = ops.matmul(tensorOf(row), tensorOf(row));
    expect(dot.shape).toEqual([]);
    expect(await dot.item()).toBe(row.data.reduce((sum, value) => sum + value * value, 0));
  });

  test('transposed operands, without copying them first', async () => {
    const random = new Random(9);
    const a = random.array([17, 23]);
    const b = random.array([19, 17]);
    const swap = (x: NdArray): NdArray => ({
      shape: [x.shape[1]!, x.shape[0]!],
      data: Float64Array.from(
        x.data,
        (_, i) => x.data[(i % x.shape[0]!) * x.shape[1]! + Math.floor(i / x.shape[0]!)]!,
      ),
    });
    const result = ops.matmul(tensorOf(a).transpose(0, 1), tensorOf(b).transpose(0, 1));
    await expectClose(result, matmul(swap(a), swap(b)), 1e-4);
  });
});
