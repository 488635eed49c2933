// Operations on f16 and bf16, on devices that compute with them (the CPU does not): what comes out is what the CPU computes
// in f32 from the same (rounded) inputs, rounded once.
import { type DType, ops, Tensor } from '@fusor/native';
import { describe, expect, test } from 'vitest';
import { type NdArray, Random } from '../reference/array.ts';
import { unary } from '../reference/elementwise.ts';
import { testDevice } from '../support.ts';

type Half = 'f16' | 'bf16';

/** Half the distance from 1 to the next number: what rounding once costs, relatively. */
const roundoff = { f16: 2 ** -11, bf16: 2 ** -8 };
// What f32 leaves open: sums of some hundred terms near 1, and exp, of a handful of roundings (2^-24 each) in each of
// two implementations. Far below what 16 bits show, and for results near 0 all there is.
const F32_SLACK = 2 ** -18;

interface Case {
  readonly inputs: readonly NdArray[];
  readonly compute: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  /** Inputs that stay f32 or integers, by position. */
  readonly keeps?: Readonly<Record<number, DType>>;
}

const random = new Random(16);
const image = random.array([2, 19, 7, 5], -2, 2);
const rows = random.array([5, 33], -3, 3);
const vectors = random.array([3, 4, 40], -3, 3);
const perChannel = (low = -1, high = 1) => random.array([19], low, high);

const cases: Record<string, Case> = {
  ...Object.fromEntries(
    Object.keys(unary).map((name): [string, Case] => {
      const positive = ['log', 'sqrt', 'rsqrt', 'reciprocal'].includes(name);
      const method = ops[name as 'relu'];
      return [name, { inputs: [random.array([3, 37], positive ? 0.25 : -4, 4)], compute: (x) => method(x) }];
    }),
  ),
  ...Object.fromEntries(
    (['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'lt', 'eq', 'ge'] as const).map(
      (name): [string, Case] => [
        `${name}, broadcast`,
        { inputs: [random.array([4, 1, 9], -3, 3), random.array([5, 9], 0.5, 3)], compute: ops[name] },
      ],
    ),
  ),
  where: {
    inputs: [random.integers([3, 8], 0, 1), random.array([3, 8]), random.array([8])],
    keeps: { 0: 'u8' },
    compute: ops.where,
  },
  clamp: { inputs: [rows], compute: (x) => ops.clamp(x, -1, 0.5) },
  'residualAdd with silu': {
    inputs: [image, random.array(image.shape)],
    compute: (x, residual) => ops.residualAdd(x, residual, { activation: 'silu' }),
  },
  'conv2d with everything': {
    inputs: [image, random.array([24, 19, 3, 3]), random.array([24]), random.array([2, 24, 4, 3])],
    compute: (x, weight, bias, residual) =>
      ops.conv2d(x, weight, { stride: 2, padding: 1, bias, residual, activation: 'relu' }),
  },
  'conv2d 1x1 of whole vectors': {
    inputs: [random.array([1, 64, 9, 8]), random.array([40, 64, 1, 1])],
    compute: (x, weight) => ops.conv2d(x, weight),
  },
  'conv2d 3x3 of whole vectors, a bias in f32': {
    inputs: [random.array([1, 64, 9, 8]), random.array([72, 64, 3, 3], -0.2, 0.2), random.array([72])],
    compute: (x, weight, bias) => ops.conv2d(x, weight, { padding: 1, bias, activation: 'gelu' }),
  },
  'conv2d, the stem of a ResNet': {
    inputs: [random.array([1, 3, 31, 29]), random.array([16, 3, 7, 7])],
    compute: (x, weight) => ops.conv2d(x, weight, { stride: 2, padding: 3, activation: 'relu' }),
  },
  'conv2d, grouped and dilated': {
    inputs: [random.array([1, 12, 9, 9]), random.array([18, 4, 3, 3])],
    compute: (x, weight) => ops.conv2d(x, weight, { groups: 3, dilation: 2, padding: 2 }),
  },
  'conv2d, depthwise': {
    inputs: [image, random.array([19, 1, 3, 3])],
    compute: (x, weight) => ops.conv2d(x, weight, { groups: 19, padding: 1 }),
  },
  linear: {
    inputs: [random.array([37, 72]), random.array([65, 72], -0.3, 0.3), random.array([65])],
    compute: (x, weight, bias) => ops.linear(x, weight, { bias, activation: 'gelu' }),
  },
  'matmul, batched': {
    inputs: [random.array([2, 1, 9, 40]), random.array([3, 40, 17])],
    compute: ops.matmul,
  },
  'batchNorm, statistics in f32': {
    inputs: [image, perChannel(), perChannel(0.5, 2), perChannel(), perChannel()],
    keeps: { 1: 'f32', 2: 'f32', 3: 'f32', 4: 'f32' },
    compute: (x, mean, variance, weight, bias) => ops.batchNorm(x, { mean, variance, weight, bias }),
  },
  'batchNorm in training': {
    inputs: [image, perChannel(), perChannel(0.5, 2)],
    keeps: { 1: 'f32', 2: 'f32' },
    compute: (x, mean, variance) => {
      const result = ops.batchNorm(x, { mean, variance, training: true });
      return [result.output, result.mean, result.variance];
    },
  },
  layerNorm: {
    inputs: [vectors, random.array([40]), random.array([40])],
    compute: (x, weight, bias) => ops.layerNorm(x, 40, { weight, bias }),
  },
  rmsNorm: {
    inputs: [vectors, random.array([40])],
    compute: (x, weight) => ops.rmsNorm(x, 40, { weight }),
  },
  groupNorm: {
    inputs: [random.array([2, 12, 5, 3], -3, 3), random.array([12]), random.array([12])],
    compute: (x, weight, bias) => ops.groupNorm(x, 4, { weight, bias }),
  },
  maxPool2d: { inputs: [image], compute: (x) => ops.maxPool2d(x, 3, { stride: 2, padding: 1 }) },
  avgPool2d: { inputs: [image], compute: (x) => ops.avgPool2d(x, 3, { stride: 2, padding: 1 }) },
  adaptiveAvgPool2d: { inputs: [image], compute: (x) => ops.adaptiveAvgPool2d(x, [3, 2]) },
  softmax: { inputs: [rows], compute: (x) => [ops.softmax(x), ops.softmax(x, 0), ops.logSoftmax(x)] },
  'sum, mean and variance': {
    inputs: [vectors],
    compute: (x) => [ops.sum(x, 1), ops.mean(x, [0, 2]), ops.variance(x, 2), ops.max(x), ops.min(x, 0)],
  },
  'argmax and top-k': {
    inputs: [rows],
    compute: (x) => {
      const { values, indices } = ops.topk(x, 5);
      return [ops.argmax(x, 1), values, indices];
    },
  },
  'pad, concat and stack': {
    inputs: [rows, random.array([5, 4])],
    compute: (x, y) => [
      ops.pad(x, [1, 2, 0, 3], { value: 1.5 }),
      ops.concat([x, y], 1),
      ops.stack([x, x], 1),
    ],
  },
  'gather and indexSelect': {
    inputs: [rows, random.integers([5, 3], 0, 32), random.integers([2, 2], 0, 4)],
    keeps: { 1: 'i64', 2: 'i32' },
    compute: (x, index, picks) => [ops.gather(x, 1, index), ops.indexSelect(x, 0, picks)],
  },
  'views of all kinds': {
    inputs: [image],
    compute: (x) =>
      x
        .permute([3, 1, 0, 2])
        .slice(1, 2, 17, 3)
        .add(x.narrow(1, 0, 5).permute([3, 1, 0, 2])),
  },
};

/** The results in f32, with the dtypes they came in. */
async function results(
  { inputs, compute, keeps = {} }: Case,
  dtype: Half,
  where: 'cpu' | typeof testDevice,
): Promise<{ dtype: DType; shape: readonly number[]; data: number[] }[]> {
  const tensors = inputs.map((input, i) => {
    const kept = keeps[i];
    const exact = Tensor.from(Float32Array.from(input.data), input.shape);
    if (kept !== undefined) return exact.to(kept).to(where);
    const rounded = exact.to(dtype);
    return where === 'cpu' ? rounded.to('f32') : rounded.to(where);
  });
  const outputs = [compute(...tensors)].flat() as Tensor[];
  return Promise.all(
    outputs.map(async (output) => ({
      dtype: output.dtype,
      shape: output.shape,
      data: Array.from(await output.to('f32').data(), Number),
    })),
  );
}

describe('in 16 bits as in f32, rounded once', () => {
  for (const dtype of ['f16', 'bf16'] as const) {
    for (const [name, each] of Object.entries(cases)) {
      test(`${name} in ${dtype}`, async () => {
        const expected = await results(each, dtype, 'cpu');
        const actual = await results(each, dtype, testDevice);
        expect(actual.length).toBe(expected.length);
        for (const [o, output] of actual.entries()) {
          const wanted = expected[o]!;
          expect(output.shape).toEqual(wanted.shape);
          expect(output.dtype === dtype ? 'f32' : output.dtype).toBe(wanted.dtype);
          const relative = output.dtype === dtype ? roundoff[dtype] * 1.001 : 2 ** -20;
          const scale = wanted.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
          for (const [i, value] of output.data.entries()) {
            const bound = relative * Math.abs(wanted.data[i]!) + F32_SLACK * scale;
            const error = Math.abs(value - wanted.data[i]!);
            if (!(error <= bound)) {
              expect.fail(`output ${o}, element ${i}: ${value}, expected ${wanted.data[i]} within ${bound}`);
            }
          }
        }
      });
    }
  }
});
