// A graph that was traced here and written there must compute the same in onnxruntime: every op that can be written,
// with attributes that matter.

import { writeOnnx } from '@fusor/bench/onnx';
import { type Graph, Module, trace } from '@fusor/layers';
import { manualSeed, ops, scope, Tensor } from '@fusor/native';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { beforeEach, describe, expect, it } from 'vitest';

/** A network of one function. */
class Lambda extends Module<Tensor | readonly Tensor[]> {
  readonly compute: (x: Tensor) => Tensor | readonly Tensor[];

  constructor(compute: (x: Tensor) => Tensor | readonly Tensor[]) {
    super();
    this.compute = compute;
  }

  override forward(x: Tensor): Tensor | readonly Tensor[] {
    return this.compute(x);
  }
}

async function numbers(tensor: Tensor): Promise<number[]> {
  return Array.from((await tensor.data()) as ArrayLike<number | bigint>, Number);
}

/** Computes `compute` on random numbers of `shape` here and, as an ONNX file, in onnxruntime. */
async function expectSame(
  compute: (x: Tensor) => Tensor | readonly Tensor[],
  shape: readonly number[] = [2, 3, 5, 7],
): Promise<void> {
  const file = await writeOnnx(trace(new Lambda(compute), shape));
  const session = await InferenceSession.create(file);
  await scope(async () => {
    const x = Tensor.randn(shape);
    const own = [compute(x)].flat();
    const feeds = { input: new OrtTensor('float32', await x.data('f32'), shape) };
    const results = await session.run(feeds);
    for (const [index, name] of session.outputNames.entries()) {
      const expected = Array.from(results[name]!.data as ArrayLike<number | bigint>, Number);
      expect(own[index]!.shape).toEqual(results[name]!.dims);
      const actual = await numbers(own[index]!);
      const scale = Math.max(1e-6, ...expected.map(Math.abs));
      const worst = Math.max(0, ...actual.map((value, at) => Math.abs(value - expected[at]!)));
      expect(worst / scale).toBeLessThan(1e-5);
    }
  });
  await session.release();
}

beforeEach(() => manualSeed(1));

/** Parameters are made once, outside of what is traced: inside they would be random numbers of the graph. */
const parameter = (...shape: number[]): Tensor => Tensor.randn(shape);
const variances = (...shape: number[]): Tensor => Tensor.rand(shape, { low: 0.5, high: 2 });

const networkCases: Record<string, () => [(x: Tensor) => Tensor | readonly Tensor[], number[]?]> = {
  'conv2d with everything': () => {
    const [weight, bias, residual] = [parameter(4, 3, 3, 2), parameter(4), parameter(2, 4, 2, 4)];
    const options = { stride: 2, padding: [1, 0, 1, 1], bias, residual, activation: 'relu' } as const;
    return [(x) => ops.conv2d(x, weight, options)];
  },
  'conv2d, dilated, in groups, bare': () => {
    const weight = parameter(6, 1, 2, 2);
    return [(x) => ops.conv2d(x, weight, { dilation: [2, 3], groups: 3 })];
  },
  'linear on two dimensions': () => {
    const [weight, bias] = [parameter(5, 7), parameter(5)];
    return [(x) => ops.linear(x, weight, { bias, activation: 'gelu' }), [3, 7]];
  },
  'linear on more, bare': () => {
    const weight = parameter(5, 7);
    return [(x) => ops.linear(x, weight)];
  },
  'linear on more with bias, residual and SiLU': () => {
    const [weight, bias, residual] = [parameter(5, 7), parameter(5), parameter(2, 3, 5, 5)];
    return [(x) => ops.linear(x, weight, { bias, residual, activation: 'silu' })];
  },
  matmul: () => {
    const b = parameter(3, 7, 2);
    return [(x) => ops.matmul(x, b)];
  },
  'batchNorm with weight and bias': () => {
    const options = {
      mean: parameter(3),
      variance: variances(3),
      weight: parameter(3),
      bias: parameter(3),
      eps: 0.01,
    };
    return [(x) => ops.batchNorm(x, options)];
  },
  'batchNorm bare, with a clamp': () => {
    const options = {
      mean: parameter(3),
      variance: variances(3),
      activation: { clamp: [-0.5, 0.5] },
    } as const;
    return [(x) => ops.batchNorm(x, options)];
  },
  layerNorm: () => {
    const options = { weight: parameter(5, 7), bias: parameter(5, 7), eps: 1e-3 };
    return [(x) => ops.layerNorm(x, [5, 7], options)];
  },
  'layerNorm bare': () => [(x) => ops.layerNorm(x, 7)],
  addLayerNorm: () => {
    const [residual, weight] = [parameter(2, 3, 5, 7), parameter(7)];
    return [
      (x) => {
        const { sum, output } = ops.addLayerNorm(x, residual, 7, { weight });
        return [output, sum];
      },
    ];
  },
  rmsNorm: () => {
    const weight = parameter(5, 7);
    return [(x) => ops.rmsNorm(x, [5, 7], { weight, eps: 1e-3 })];
  },
  groupNorm: () => {
    const options = { weight: parameter(6), bias: parameter(6) };
    return [(x) => ops.groupNorm(x, 2, options), [2, 6, 5, 4]];
  },
  'residualAdd with tanh-GELU': () => {
    const residual = parameter(2, 3, 5, 7);
    return [(x) => ops.residualAdd(x, residual, { activation: 'gelu-tanh' })];
  },
  'maxPool2d with padding, dilation and ceil mode': () => [
    (x) => ops.maxPool2d(x, [3, 2], { stride: 2, padding: 1, dilation: [1, 2], ceilMode: true }),
  ],
  'avgPool2d, padding counted': () => [(x) => ops.avgPool2d(x, 3, { stride: 2, padding: 1 })],
  'avgPool2d, padding not counted': () => [
    (x) => ops.avgPool2d(x, 3, { stride: 2, padding: [1, 0, 0, 1], countIncludePad: false }),
  ],
  'adaptiveAvgPool2d to one, evenly and unevenly': () => [
    (x) => [ops.adaptiveAvgPool2d(x, 1), ops.adaptiveAvgPool2d(x, [2, 4]), ops.adaptiveAvgPool2d(x, [5, 3])],
    [2, 3, 6, 8],
  ],
  'adaptiveMaxPool2d to one and evenly': () => [
    (x) => [ops.adaptiveMaxPool2d(x, 1), ops.adaptiveMaxPool2d(x, [2, 4])],
    [2, 3, 6, 8],
  ],
};

const unaryNames = [
  'relu',
  'gelu',
  'silu',
  'sigmoid',
  'tanh',
  'erf',
  'exp',
  'reciprocal',
  'abs',
  'neg',
  'square',
  'sign',
  'floor',
  'ceil',
  'round',
  'sin',
  'cos',
  'leakyRelu',
  'elu',
  'selu',
  'softplus',
  'mish',
  'hardSigmoid',
  'hardSwish',
  'logicalNot',
  'isNaN',
] as const;
const positiveNames = ['log', 'sqrt', 'rsqrt'] as const;
const binaryNames = [
  'add',
  'sub',
  'mul',
  'div',
  'floorDivide',
  'remainder',
  'maximum',
  'minimum',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'logicalAnd',
  'logicalOr',
] as const;

const otherCases: Record<string, () => [(x: Tensor) => Tensor | readonly Tensor[], number[]?]> = {
  clamp: () => [(x) => ops.clamp(x, -0.3, 0.4)],
  'gelu with tanh': () => [(x) => ops.gelu(x, { approximate: 'tanh' })],
  'softplus with a beta': () => [(x) => ops.softplus(x, { beta: 2 })],
  'pow of a positive base': () => [(x) => ops.pow(ops.abs(x), 1.5)],
  'integer arithmetic': () => [
    (x) => {
      const whole = ops.convert(ops.mul(x, 10), 'i64');
      return [ops.floorDivide(whole, 3), ops.remainder(whole, 3), ops.add(whole, 1)];
    },
  ],
  where: () => [(x) => ops.where(ops.gt(x, 0), x, ops.mul(x, -2))],
  convert: () => [(x) => ops.convert(ops.mul(x, 100), 'i32')],
  softmax: () => [(x) => [ops.softmax(x, 1), ops.logSoftmax(x, -1)]],
  reductions: () => [
    (x) => [
      ops.sum(x, [1, 3]),
      ops.mean(x, 2, { keepDims: true }),
      ops.max(x, [0, 1]),
      ops.min(x, -1),
      ops.prod(x, 3),
      ops.variance(x, [2, 3]),
      ops.variance(x, 1, { correction: 0, keepDims: true }),
      ops.any(ops.gt(x, 1), 3),
      ops.all(ops.gt(x, -1), [2, 3]),
      ops.sum(ops.gt(x, 0), 1),
    ],
  ],
  'argmax, argmin and topk': () => [
    (x) => {
      const { values, indices } = ops.topk(x, 2, { dim: 2, largest: false });
      return [ops.argmax(x, 1), ops.argmin(x, 3, { keepDims: true }), values, indices];
    },
  ],
  'pad, concat, slice, reshape, permute, expand': () => [
    (x) => [
      ops.pad(x, [1, 2, 0, 3], { value: 0.5 }),
      ops.pad(x, [2, 1], { mode: 'reflect' }),
      ops.pad(x, [2, 1, 1, 0], { mode: 'replicate' }),
      ops.concat([x, ops.mul(x, 2)], 2),
      ops.slice(x, 3, 1, 6, 2),
      ops.reshape(x, [6, -1]),
      ops.permute(x, [3, 0, 2, 1]),
      ops.expand(ops.mean(x, 1, { keepDims: true }), [2, 4, 5, 7]),
    ],
  ],
  'gather and indexSelect': () => {
    const index = Tensor.from(BigInt64Array.of(2n, 0n, 1n, 1n), [2, 2]);
    const places = Tensor.zeros([2, 3, 5, 2], { dtype: 'i64' });
    return [(x) => [ops.indexSelect(x, 1, index), ops.gather(x, 3, places)]];
  },
  'an input and a constant as outputs': () => {
    const constant = parameter(3);
    return [(x) => [x, constant, ops.relu(x)]];
  },
};

describe('writeOnnx', () => {
  it.each(Object.entries({ ...networkCases, ...otherCases }))('%s', async (_, make) => {
    const [compute, shape] = make();
    await expectSame(compute, shape);
  });

  it.each(unaryNames)('%s', async (name) => {
    await expectSame((x) => ops[name](x));
  });

  it.each(positiveNames)('%s of positive numbers', async (name) => {
    await expectSame((x) => ops[name](ops.add(ops.abs(x), 0.1)));
  });

  it.each(binaryNames)('%s, broadcasting', async (name) => {
    const other = ops.add(Tensor.rand([5, 1]), 0.5);
    // Whole numbers, so that comparisons meet equal ones.
    await expectSame((x) => ops[name](ops.round(x), ops.round(other)));
  });

  it('names constants after their parameters and inputs and outputs as asked', async () => {
    const file = await writeOnnx(trace(new Lambda((x) => ops.relu(x)), [2]), {
      name: 'tiny',
      inputNames: ['pixels'],
      outputNames: ['logits'],
    });
    const session = await InferenceSession.create(file);
    expect(session.inputNames).toEqual(['pixels']);
    expect(session.outputNames).toEqual(['logits']);
  });

  it('refuses ops that ONNX does not have, with their place', async () => {
    const options = { mean: parameter(3), variance: variances(3), training: true } as const;
    const graph: Graph = trace(new Lambda((x) => ops.batchNorm(x, options).output), [2, 3]);
    await expect(writeOnnx(graph)).rejects.toThrow(/batchNormTraining cannot be written/);
    const uneven = trace(new Lambda((x) => ops.adaptiveMaxPool2d(x, [2, 3])), [1, 1, 5, 5]);
    await expect(writeOnnx(uneven)).rejects.toThrow(/bins of unequal size cannot be written/);
  });

  it('refuses a wrong number of names', async () => {
    const graph = trace(new Lambda((x) => ops.relu(x)), [2]);
    await expect(writeOnnx(graph, { inputNames: [] })).rejects.toThrow(
      '0 input names for a graph with 1 inputs',
    );
  });
});
