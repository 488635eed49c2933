// Elementwise functions, comparisons, softmax and reductions against onnxruntime, on random ragged shapes.

import type { OnnxGraphBuilder } from '@fusor/bench/onnx';
import { ops, type Tensor } from '@fusor/native';
import { describe, it } from 'vitest';
import { expectSame, type HostTensor } from './onnxruntime.ts';
import { Random } from './random.ts';

const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed);

interface UnaryCase {
  readonly name: string;
  readonly fusor: (x: Tensor) => Tensor;
  readonly onnx: (builder: OnnxGraphBuilder) => void;
  readonly low?: number;
  readonly high?: number;
}

/** One node from `x` to `y`. */
const node =
  (operator: string, attributes: Parameters<OnnxGraphBuilder['addNode']>[3] = {}) =>
  (builder: OnnxGraphBuilder): void =>
    builder.addNode(operator, ['x'], ['y'], attributes);

const unaryCases: readonly UnaryCase[] = [
  { name: 'relu', fusor: ops.relu, onnx: node('Relu') },
  { name: 'gelu', fusor: (x) => ops.gelu(x), onnx: node('Gelu'), low: -6, high: 6 },
  {
    name: 'gelu with tanh',
    fusor: (x) => ops.gelu(x, { approximate: 'tanh' }),
    onnx: node('Gelu', { approximate: { string: 'tanh' } }),
    low: -6,
    high: 6,
  },
  { name: 'sigmoid', fusor: ops.sigmoid, onnx: node('Sigmoid'), low: -20, high: 20 },
  { name: 'tanh', fusor: ops.tanh, onnx: node('Tanh'), low: -10, high: 10 },
  { name: 'erf', fusor: ops.erf, onnx: node('Erf'), low: -4, high: 4 },
  { name: 'exp', fusor: ops.exp, onnx: node('Exp'), low: -10, high: 10 },
  { name: 'log', fusor: ops.log, onnx: node('Log'), low: 1e-6, high: 100 },
  { name: 'sqrt', fusor: ops.sqrt, onnx: node('Sqrt'), low: 0, high: 100 },
  { name: 'reciprocal', fusor: ops.reciprocal, onnx: node('Reciprocal'), low: 0.1, high: 10 },
  { name: 'abs', fusor: ops.abs, onnx: node('Abs') },
  { name: 'neg', fusor: ops.neg, onnx: node('Neg') },
  { name: 'sign', fusor: ops.sign, onnx: node('Sign') },
  { name: 'floor', fusor: ops.floor, onnx: node('Floor'), low: -9, high: 9 },
  { name: 'ceil', fusor: ops.ceil, onnx: node('Ceil'), low: -9, high: 9 },
  { name: 'round', fusor: ops.round, onnx: node('Round'), low: -9, high: 9 },
  { name: 'sin', fusor: ops.sin, onnx: node('Sin'), low: -30, high: 30 },
  { name: 'cos', fusor: ops.cos, onnx: node('Cos'), low: -30, high: 30 },
  {
    name: 'leakyRelu',
    fusor: (x) => ops.leakyRelu(x, 0.2),
    onnx: node('LeakyRelu', { alpha: { float: 0.2 } }),
  },
  {
    name: 'elu',
    fusor: (x) => ops.elu(x, 1.5),
    onnx: node('Elu', { alpha: { float: 1.5 } }),
    low: -5,
    high: 5,
  },
  { name: 'selu', fusor: ops.selu, onnx: node('Selu'), low: -5, high: 5 },
  { name: 'softplus', fusor: (x) => ops.softplus(x), onnx: node('Softplus'), low: -25, high: 25 },
  { name: 'mish', fusor: ops.mish, onnx: node('Mish'), low: -8, high: 8 },
  {
    name: 'hardSigmoid',
    fusor: ops.hardSigmoid,
    onnx: node('HardSigmoid', { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
    low: -5,
    high: 5,
  },
  { name: 'hardSwish', fusor: ops.hardSwish, onnx: node('HardSwish'), low: -5, high: 5 },
  {
    name: 'isNaN',
    fusor: (x) => ops.isNaN(ops.log(x)),
    onnx: (builder) => {
      builder.addNode('Log', ['x'], ['log']);
      builder.addNode('IsNaN', ['log'], ['y']);
    },
  },
];

describe('functions of one operand', () => {
  it.each(unaryCases)('$name equals its ONNX operator', async ({ fusor, onnx, low = -2, high = 2 }) => {
    for (const seed of seeds(3)) {
      const random = new Random(seed);
      await expectSame({
        inputs: { x: random.floats(random.shape(random.integer(0, 3)), low, high) },
        opset: 20,
        fusor: ({ x }) => fusor(x),
        onnx: (builder) => {
          onnx(builder);
          return 'y';
        },
      });
    }
  });

  it('gives NaN for NaN and the limits for infinities, as ONNX does', async () => {
    const special = Float32Array.of(
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0,
      -0,
      1,
      -1,
    );
    const x: HostTensor = { dtype: 'f32', shape: [7], data: special };
    const table = [
      ['Relu', ops.relu],
      ['Sigmoid', ops.sigmoid],
      ['Tanh', ops.tanh],
      ['Exp', ops.exp],
      ['Sqrt', ops.sqrt],
      ['Log', ops.log],
      ['Abs', ops.abs],
      ['Neg', ops.neg],
      ['Erf', ops.erf],
    ] as const;
    for (const [operator, f] of table) {
      await expectSame({
        inputs: { x },
        fusor: ({ x: tensor }) => f(tensor),
        onnx: (builder) => {
          node(operator)(builder);
          return 'y';
        },
      });
    }
  });

  it('clamp equals Clip', async () => {
    const random = new Random(5);
    await expectSame({
      inputs: { x: random.floats([3, 37]) },
      fusor: ({ x }) => ops.clamp(x, -0.25, 0.5),
      onnx: (builder) => {
        builder.addInitializer('low', 'f32', [], Float32Array.of(-0.25));
        builder.addInitializer('high', 'f32', [], Float32Array.of(0.5));
        builder.addNode('Clip', ['x', 'low', 'high'], ['y']);
        return 'y';
      },
    });
  });
});

const binaryCases = [
  ['add', 'Add'],
  ['sub', 'Sub'],
  ['mul', 'Mul'],
  ['div', 'Div'],
  ['maximum', 'Max'],
  ['minimum', 'Min'],
  ['eq', 'Equal'],
  ['lt', 'Less'],
  ['le', 'LessOrEqual'],
  ['gt', 'Greater'],
  ['ge', 'GreaterOrEqual'],
] as const;

describe('functions of two operands', () => {
  it.each(binaryCases)('%s equals %s, broadcasting either side', async (name, operator) => {
    for (const seed of seeds(6)) {
      const random = new Random(seed);
      const shape = random.shape(random.integer(1, 4)).map((size) => Math.min(size, 9));
      const [left, right] = random.chance()
        ? [random.broadcastable(shape), shape]
        : [shape, random.broadcastable(shape)];
      await expectSame({
        // Whole numbers, so that some are equal; the divisor is not 0.
        inputs: { a: random.wholeFloats(left, -3, 3), b: random.wholeFloats(right, 1, 4) },
        fusor: ({ a, b }) => ops[name](a, b),
        onnx: (builder) => {
          builder.addNode(operator, ['a', 'b'], ['y']);
          return 'y';
        },
      });
    }
  });

  it.each(['add', 'sub', 'mul', 'maximum', 'minimum', 'eq', 'lt', 'remainder'] as const)(
    '%s of i64 equals the operator on integers',
    async (name) => {
      const operators = {
        add: 'Add',
        sub: 'Sub',
        mul: 'Mul',
        maximum: 'Max',
        minimum: 'Min',
        eq: 'Equal',
        lt: 'Less',
        remainder: 'Mod',
      };
      const random = new Random(11);
      const shape = [4, 5, 7];
      await expectSame({
        inputs: { a: random.integers(shape, -50, 50), b: random.integers([5, 1], 1, 9) },
        fusor: ({ a, b }) => ops[name](a, b),
        onnx: (builder) => {
          builder.addNode(operators[name], ['a', 'b'], ['y']);
          return 'y';
        },
      });
    },
  );

  it('pow equals Pow', async () => {
    const random = new Random(3);
    await expectSame({
      inputs: { a: random.floats([5, 33], 0.1, 3), b: random.floats([33], -2, 3) },
      fusor: ({ a, b }) => ops.pow(a, b),
      onnx: (builder) => {
        builder.addNode('Pow', ['a', 'b'], ['y']);
        return 'y';
      },
    });
  });

  it('where equals Where, broadcasting all three', async () => {
    const random = new Random(4);
    const condition: HostTensor = {
      dtype: 'u8',
      shape: [3, 1, 5],
      data: Uint8Array.from({ length: 15 }, () => random.integer(0, 1)),
    };
    await expectSame({
      inputs: { condition, a: random.floats([7, 1]), b: random.floats([3, 7, 5]) },
      fusor: ({ condition: c, a, b }) => ops.where(c, a, b),
      onnx: (builder) => {
        builder.addNode('Cast', ['condition'], ['truth'], { to: { int: 9 } });
        builder.addNode('Where', ['truth', 'a', 'b'], ['y']);
        return 'y';
      },
    });
  });
});

describe('softmax', () => {
  it.each([
    ['softmax', 'Softmax'],
    ['logSoftmax', 'LogSoftmax'],
  ] as const)('%s equals %s along any dimension', async (name, operator) => {
    for (const seed of seeds(12)) {
      const random = new Random(seed);
      const shape = random.shape(random.integer(1, 4)).map((size) => Math.min(size, 17));
      const dim = random.integer(0, shape.length - 1);
      await expectSame({
        inputs: { x: random.floats(shape, -50, 90) },
        fusor: ({ x }) => ops[name](x, dim),
        onnx: (builder) => {
          builder.addNode(operator, ['x'], ['y'], { axis: { int: dim } });
          return 'y';
        },
      });
    }
  });
});

const reductions = [
  ['sum', 'ReduceSum'],
  ['mean', 'ReduceMean'],
  ['max', 'ReduceMax'],
  ['min', 'ReduceMin'],
  ['prod', 'ReduceProd'],
] as const;

describe('reductions', () => {
  it.each(reductions)('%s equals %s over any dimensions', async (name, operator) => {
    for (const seed of seeds(12)) {
      const random = new Random(seed);
      // A product of many numbers leaves the range of f32.
      const longest = name === 'prod' ? 5 : 17;
      const shape = random.shape(random.integer(1, 4)).map((size) => Math.min(size, longest));
      const dims = shape.map((_, dim) => dim).filter(() => random.chance());
      if (dims.length === 0) dims.push(0);
      const keepDims = random.chance();
      await expectSame({
        inputs: { x: random.floats(shape, 0.8, 1.25) },
        opset: 18,
        fusor: ({ x }) => ops[name](x, dims, { keepDims }),
        onnx: (builder) => {
          builder.addInitializer('axes', 'i64', [dims.length], BigInt64Array.from(dims, BigInt));
          builder.addNode(operator, ['x', 'axes'], ['y'], { keepdims: { int: keepDims ? 1 : 0 } });
          return 'y';
        },
      });
    }
  });

  it.each([
    ['argmax', 'ArgMax'],
    ['argmin', 'ArgMin'],
  ] as const)('%s equals %s: the first of equal elements', async (name, operator) => {
    for (const seed of seeds(12)) {
      const random = new Random(seed);
      const shape = random.shape(random.integer(1, 4)).map((size) => Math.min(size, 17));
      const dim = random.integer(0, shape.length - 1);
      const keepDims = random.chance();
      await expectSame({
        inputs: { x: random.wholeFloats(shape, -3, 3) },
        fusor: ({ x }) => ops[name](x, dim, { keepDims }),
        onnx: (builder) => {
          builder.addNode(operator, ['x'], ['y'], {
            axis: { int: dim },
            keepdims: { int: keepDims ? 1 : 0 },
          });
          return 'y';
        },
      });
    }
  });

  it('topk equals TopK, values and indices, the lower index first among equals', async () => {
    for (const seed of seeds(12)) {
      const random = new Random(seed);
      const shape = random.shape(random.integer(1, 3)).map((size) => Math.min(size, 17));
      const dim = random.integer(0, shape.length - 1);
      const k = random.integer(1, shape[dim]!);
      const largest = random.chance();
      await expectSame({
        inputs: { x: random.wholeFloats(shape, -9, 9) },
        fusor: ({ x }) => {
          const { values, indices } = ops.topk(x, k, { dim, largest });
          return [values, indices];
        },
        onnx: (builder) => {
          builder.addInitializer('k', 'i64', [1], BigInt64Array.of(BigInt(k)));
          builder.addNode('TopK', ['x', 'k'], ['values', 'indices'], {
            axis: { int: dim },
            largest: { int: largest ? 1 : 0 },
          });
          return ['values', 'indices'];
        },
      });
    }
  });
});
