// The device tests, as code. cases.json beside it has them as data, with recorded results: `FUSOR_RECORD=1 npx vitest run
// gpu/test/recorded.test.ts` writes it.

import { ops, type Tensor } from '@fusor/native';

/** An input: see ../lib/values.mjs. */
export interface Input {
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly dtype?: 'f32' | 'i32' | 'i64' | 'u8';
}

export interface Definition {
  readonly inputs: readonly Input[];
  /** How many of the inputs are given to each run; the rest are constants of the plan. Default 1. */
  readonly given?: number;
  /** How often the longest way rounds to the dtype, where that is more than once: it loosens the bound. */
  readonly roundings?: number;
  readonly compute: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
}

const numbers = (shape: readonly number[], low = -1, high = 1): Input => ({ shape, low, high });
const integers = (shape: readonly number[], low: number, high: number, dtype: Input['dtype']): Input => ({
  shape,
  low,
  high,
  dtype: dtype!,
});

const image = numbers([2, 19, 7, 5], -2, 2);
const rows = numbers([5, 33], -3, 3);
const vectors = numbers([3, 4, 40], -3, 3);
const channels = (low = -1, high = 1): Input => numbers([19], low, high);

const FUNCTIONS = [
  ...(['relu', 'gelu', 'silu', 'sigmoid', 'tanh', 'erf', 'exp', 'abs', 'neg', 'square', 'sign'] as const),
  ...(['floor', 'ceil', 'round', 'sin', 'cos', 'leakyRelu', 'elu', 'selu', 'softplus', 'mish'] as const),
  ...(['hardSigmoid', 'hardSwish', 'log', 'sqrt', 'rsqrt', 'reciprocal'] as const),
] as const;
const OF_POSITIVE: readonly string[] = ['log', 'sqrt', 'rsqrt', 'reciprocal'];
const PAIRS = [
  ...(['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'floorDivide', 'remainder'] as const),
  ...(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const),
] as const;

/** The end of a block and the start of the next, as GPUs compute it in one launch. */
function bottleneck(...[x, residual, w1, b1, w2, b2, w3, b3]: Tensor[]): readonly Tensor[] {
  const hidden = ops.conv2d(x!, w1!, { padding: 1, bias: b1!, activation: 'relu' });
  const y = ops.conv2d(hidden, w2!, { bias: b2!, residual: residual!, activation: 'relu' });
  return [y, ops.conv2d(y, w3!, { bias: b3!, activation: 'relu' })];
}

export const definitions: Readonly<Record<string, Definition>> = {
  ...Object.fromEntries(
    FUNCTIONS.map((name): [string, Definition] => [
      name,
      { inputs: [numbers([3, 37], OF_POSITIVE.includes(name) ? 0.25 : -4, 4)], compute: (x) => ops[name](x) },
    ]),
  ),
  ...Object.fromEntries(
    PAIRS.map((name): [string, Definition] => [
      `${name}, broadcast`,
      { inputs: [numbers([4, 1, 9], -3, 3), numbers([5, 9], 0.5, 3)], given: 2, compute: ops[name] },
    ]),
  ),
  'integers of three types': {
    inputs: [integers([3, 7], -99, 99, 'i32'), integers([7], 1, 9, 'i64'), integers([3, 1], 0, 9, 'u8')],
    given: 3,
    compute: (a, b, c) => [ops.mul(a, b), ops.sub(a, c), ops.remainder(a, b), ops.sum(c), ops.max(a, 1)],
  },
  where: {
    inputs: [integers([3, 8], 0, 1, 'u8'), numbers([3, 8]), numbers([8])],
    given: 3,
    compute: ops.where,
  },
  clamp: { inputs: [rows], compute: (x) => ops.clamp(x, -1, 0.5) },
  'residualAdd with silu': {
    inputs: [image, image],
    given: 2,
    compute: (x, residual) => ops.residualAdd(x, residual, { activation: 'silu' }),
  },
  'conv2d with everything': {
    inputs: [image, numbers([24, 19, 3, 3]), numbers([24]), numbers([2, 24, 4, 3])],
    compute: (x, weight, bias, residual) =>
      ops.conv2d(x, weight, { stride: 2, padding: 1, bias, residual, activation: 'relu' }),
  },
  'conv2d 1x1 of whole vectors': {
    inputs: [numbers([1, 64, 9, 8]), numbers([40, 64, 1, 1])],
    compute: (x, weight) => ops.conv2d(x, weight),
  },
  'conv2d 3x3 of whole vectors': {
    inputs: [numbers([1, 64, 9, 8]), numbers([24, 64, 3, 3], -0.25, 0.25), numbers([24])],
    compute: (x, weight, bias) => ops.conv2d(x, weight, { padding: 1, bias, activation: 'gelu' }),
  },
  'conv2d 3x3 of many pixels': {
    inputs: [numbers([2, 64, 17, 16]), numbers([8, 64, 3, 3], -0.25, 0.25)],
    compute: (x, weight) => ops.conv2d(x, weight, { padding: 1 }),
  },
  'conv2d 3x3 with stride 2 of many channels': {
    inputs: [numbers([1, 136, 6, 6]), numbers([72, 136, 3, 3], -0.25, 0.25)],
    compute: (x, weight) => ops.conv2d(x, weight, { stride: 2, padding: 1 }),
  },
  'conv2d, the stem of a ResNet': {
    inputs: [numbers([1, 3, 31, 29]), numbers([16, 3, 7, 7])],
    compute: (x, weight) => ops.conv2d(x, weight, { stride: 2, padding: 3, activation: 'relu' }),
  },
  // The values that rounding in between may move differently from the CPU's, which rounds nothing: two rounded results on the
  // way to z, and the last.
  'a bottleneck: 3x3, 1x1 with a residual, the next 1x1': {
    inputs: [
      ...[numbers([2, 24, 9, 7]), numbers([2, 64, 9, 7])],
      ...[numbers([16, 24, 3, 3], -0.25, 0.25), numbers([16])],
      ...[numbers([64, 16, 1, 1]), numbers([64]), numbers([40, 64, 1, 1], -0.5, 0.5), numbers([40])],
    ],
    given: 2,
    roundings: 3,
    compute: bottleneck,
  },
  'a bottleneck of more than 64 channels': {
    inputs: [
      ...[numbers([1, 72, 13, 11]), numbers([1, 104, 13, 11])],
      ...[numbers([80, 72, 3, 3], -0.125, 0.125), numbers([80])],
      ...[numbers([104, 80, 1, 1], -0.25, 0.25), numbers([104])],
      ...[numbers([72, 104, 1, 1], -0.25, 0.25), numbers([72])],
    ],
    given: 2,
    roundings: 3,
    compute: bottleneck,
  },
  'conv2d, grouped and dilated': {
    inputs: [numbers([1, 12, 9, 9]), numbers([18, 4, 3, 3])],
    compute: (x, weight) => ops.conv2d(x, weight, { groups: 3, dilation: 2, padding: 2 }),
  },
  'conv2d, grouped by 8 channels': {
    inputs: [numbers([1, 32, 7, 9]), numbers([48, 8, 3, 3])],
    compute: (x, weight) => ops.conv2d(x, weight, { groups: 4, padding: 1 }),
  },
  'conv2d, depthwise': {
    inputs: [image, numbers([19, 1, 3, 3])],
    compute: (x, weight) => ops.conv2d(x, weight, { groups: 19, padding: 1 }),
  },
  'conv2d, depthwise of whole vectors': {
    inputs: [numbers([2, 24, 7, 5]), numbers([24, 1, 5, 5])],
    compute: (x, weight) => ops.conv2d(x, weight, { groups: 24, padding: 2 }),
  },
  linear: {
    inputs: [numbers([37, 72]), numbers([17, 72], -0.25, 0.25), numbers([17])],
    compute: (x, weight, bias) => ops.linear(x, weight, { bias, activation: 'gelu' }),
  },
  'matmul, batched': {
    inputs: [numbers([2, 1, 9, 40]), numbers([3, 40, 17])],
    given: 2,
    compute: ops.matmul,
  },
  'batchNorm by statistics': {
    inputs: [image, channels(), channels(0.5, 2), channels(), channels()],
    compute: (x, mean, variance, weight, bias) => ops.batchNorm(x, { mean, variance, weight, bias }),
  },
  layerNorm: {
    inputs: [vectors, numbers([40]), numbers([40])],
    compute: (x, weight, bias) => ops.layerNorm(x, 40, { weight, bias }),
  },
  'layerNorm of wide rows': {
    inputs: [numbers([1, 1032]), numbers([1032])],
    compute: (x, weight) => ops.layerNorm(x, 1032, { weight }),
  },
  addLayerNorm: {
    inputs: [vectors, vectors],
    given: 2,
    compute: (x, residual) => {
      const { sum, output } = ops.addLayerNorm(x, residual, 40);
      return [sum, output];
    },
  },
  rmsNorm: { inputs: [vectors, numbers([40])], compute: (x, weight) => ops.rmsNorm(x, 40, { weight }) },
  groupNorm: {
    inputs: [numbers([2, 12, 5, 3], -3, 3), numbers([12]), numbers([12])],
    compute: (x, weight, bias) => ops.groupNorm(x, 4, { weight, bias }),
  },
  maxPool2d: { inputs: [image], compute: (x) => ops.maxPool2d(x, 3, { stride: 2, padding: 1 }) },
  avgPool2d: { inputs: [image], compute: (x) => ops.avgPool2d(x, 3, { stride: 2, padding: 1 }) },
  'adaptive pooling': {
    inputs: [image],
    compute: (x) => [ops.adaptiveAvgPool2d(x, [3, 2]), ops.adaptiveMaxPool2d(x, [2, 3])],
  },
  softmax: { inputs: [rows], compute: (x) => [ops.softmax(x), ops.softmax(x, 0), ops.logSoftmax(x)] },
  reductions: {
    inputs: [vectors],
    compute: (x) => [ops.sum(x, 1), ops.mean(x, [0, 2]), ops.variance(x, 2), ops.max(x), ops.min(x, 0)],
  },
  'any, all and a product': {
    inputs: [numbers([4, 9], 0.75, 1.25), numbers([1], 1, 1)],
    compute: (x, one) => [ops.any(x.sub(one), 1), ops.all(x.sub(one), 1), ops.prod(x, 1)],
  },
  'argmax and top-k': {
    inputs: [rows],
    compute: (x) => {
      const { values, indices } = ops.topk(x, 5);
      return [ops.argmax(x, 1), values, indices];
    },
  },
  'pad, concat and stack': {
    inputs: [rows, numbers([5, 4])],
    given: 2,
    compute: (x, y) => [
      ops.pad(x, [1, 2, 0, 3], { value: 1.5 }),
      ops.concat([x, y], 1),
      ops.stack([x, x], 1),
    ],
  },
  'gather and indexSelect': {
    inputs: [rows, integers([5, 3], 0, 32, 'i64'), integers([2, 2], 0, 4, 'i32')],
    given: 3,
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
