import { ArgumentError } from '@fusor/errors';
import { ops, type Tensor } from '@fusor/native';
import type { KernelCase } from './case.ts';

type Sizes = readonly number[];

/** How an operation other than a convolution is measured at a given shape of its first input. */
interface Operation {
  /** Shapes that are measured unless others are given: of a language model, a ResNet and a large matrix. */
  readonly shapes: readonly Sizes[];
  /** Least rank of the shape. */
  readonly rank: number;
  readonly inputs?: (shape: Sizes) => readonly Sizes[];
  readonly constants?: (shape: Sizes) => KernelCase['constants'];
  readonly forward: (
    inputs: readonly Tensor[],
    constants: readonly Tensor[],
    shape: Sizes,
  ) => ReturnType<KernelCase['forward']>;
}

const rows: readonly Sizes[] = [
  [128, 768],
  [512, 768],
  [1024, 1024],
  [4096, 1024],
  [4096, 4096],
];
const images: readonly Sizes[] = [
  [1, 64, 56, 56],
  [1, 512, 28, 28],
  [8, 256, 56, 56],
];
const elements: readonly Sizes[] = [
  [128, 768],
  [4096, 1024],
  [4096, 4096],
];

const last = (shape: Sizes) => shape.at(-1)!;
const twice = (shape: Sizes) => [shape, shape];
const scaleAndShift = (shape: Sizes) => [{ shape: [last(shape)] }, { shape: [last(shape)] }];

const unary = (compute: (x: Tensor) => Tensor): Operation => ({
  shapes: elements,
  rank: 1,
  forward: ([x]) => compute(x!),
});

const binary = (compute: (a: Tensor, b: Tensor) => Tensor): Operation => ({
  shapes: elements,
  rank: 1,
  inputs: twice,
  forward: ([a, b]) => compute(a!, b!),
});

/** Every operation that has a counterpart in ONNX, by its name in graphs or, for unary and binary ones, its own. */
const operations: Readonly<Record<string, Operation>> = {
  layerNorm: {
    shapes: rows,
    rank: 1,
    constants: scaleAndShift,
    forward: ([x], [weight, bias], shape) =>
      ops.layerNorm(x!, [last(shape)], { weight: weight!, bias: bias! }),
  },
  addLayerNorm: {
    shapes: rows,
    rank: 1,
    inputs: twice,
    constants: scaleAndShift,
    forward: ([x, residual], [weight, bias], shape) => {
      const { sum, output } = ops.addLayerNorm(x!, residual!, [last(shape)], {
        weight: weight!,
        bias: bias!,
      });
      return [sum, output];
    },
  },
  rmsNorm: {
    shapes: rows,
    rank: 1,
    constants: (shape) => [{ shape: [last(shape)] }],
    forward: ([x], [weight], shape) => ops.rmsNorm(x!, [last(shape)], { weight: weight! }),
  },
  groupNorm: {
    shapes: images,
    rank: 2,
    constants: (shape) => [{ shape: [shape[1]!] }, { shape: [shape[1]!] }],
    forward: ([x], [weight, bias]) => ops.groupNorm(x!, 32, { weight: weight!, bias: bias! }),
  },
  batchNorm: {
    shapes: images,
    rank: 2,
    constants: (shape) => {
      const channels = [shape[1]!];
      return [
        { shape: channels },
        { shape: channels, range: [0.5, 1.5] },
        { shape: channels },
        { shape: channels },
      ];
    },
    forward: ([x], [mean, variance, weight, bias]) =>
      ops.batchNorm(x!, { mean: mean!, variance: variance!, weight: weight!, bias: bias! }),
  },
  residualAdd: {
    shapes: images,
    rank: 1,
    inputs: twice,
    forward: ([x, residual]) => ops.residualAdd(x!, residual!, { activation: 'relu' }),
  },
  softmax: { shapes: rows, rank: 1, forward: ([x]) => ops.softmax(x!) },
  logSoftmax: { shapes: rows, rank: 1, forward: ([x]) => ops.logSoftmax(x!) },
  gelu: unary(ops.gelu),
  relu: unary(ops.relu),
  silu: unary(ops.silu),
  sigmoid: unary(ops.sigmoid),
  tanh: unary(ops.tanh),
  exp: unary(ops.exp),
  add: binary(ops.add),
  mul: binary(ops.mul),
  maxPool2d: {
    shapes: [
      [1, 64, 112, 112],
      [8, 64, 112, 112],
    ],
    rank: 4,
    forward: ([x]) => ops.maxPool2d(x!, 3, { stride: 2, padding: 1 }),
  },
  avgPool2d: { shapes: images, rank: 4, forward: ([x]) => ops.avgPool2d(x!, 2) },
  adaptiveAvgPool2d: {
    shapes: [
      [1, 2048, 7, 7],
      [8, 512, 7, 7],
    ],
    rank: 4,
    forward: ([x]) => ops.adaptiveAvgPool2d(x!, 1),
  },
  sum: { shapes: rows, rank: 1, forward: ([x]) => ops.sum(x!, -1) },
  argmax: { shapes: rows, rank: 1, forward: ([x]) => ops.argmax(x!, -1) },
  topk: {
    shapes: [[128, 1000]],
    rank: 1,
    forward: ([x]) => {
      const { values, indices } = ops.topk(x!, 5);
      return [values, indices];
    },
  },
  concat: { shapes: images, rank: 2, inputs: twice, forward: ([a, b]) => ops.concat([a!, b!], 1) },
  pad: { shapes: images, rank: 2, forward: ([x]) => ops.pad(x!, [1, 1, 1, 1]) },
  linear: {
    // rows x inputs x outputs
    shapes: [
      [1, 512, 1000],
      [8, 2048, 1000],
      [128, 768, 768],
      [512, 768, 3072],
      [512, 3072, 768],
    ],
    rank: 3,
    inputs: ([n, i]) => [[n!, i!]],
    constants: ([, i, o]) => [{ shape: [o!, i!] }, { shape: [o!] }],
    forward: ([x], [weight, bias]) => ops.linear(x!, weight!, { bias: bias! }),
  },
  matmul: {
    // m x k x n
    shapes: [
      [128, 768, 768],
      [512, 512, 512],
      [1024, 1024, 1024],
    ],
    rank: 3,
    inputs: ([m, k, n]) => [
      [m!, k!],
      [k!, n!],
    ],
    forward: ([a, b]) => ops.matmul(a!, b!),
  },
};

/** What `--op` takes besides `conv2d`. */
export const operationNames: readonly string[] = Object.keys(operations);

/** The cases of one operation: at the shapes given (`512x768`), or at its own. */
export function operationCases(name: string, shapes: readonly string[]): KernelCase[] {
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
  if (operation === undefined) {
    throw new ArgumentError(`--op '${name}': there is conv2d, ${operationNames.join(', ')}`);
  }
  const sizes =
    shapes.length === 0 ? operation.shapes : shapes.map((text) => parseSizes(name, text, operation.rank));
  return sizes.map((shape) => ({
    op: name,
    shape: shape.join('x'),
    networks: [],
    batched: false,
    inputs: () => operation.inputs?.(shape) ?? [shape],
    constants: operation.constants?.(shape) ?? [],
    forward: (inputs, constants) => operation.forward(inputs, constants, shape),
  }));
}

function parseSizes(name: string, text: string, rank: number): number[] {
  const sizes = text.split('x').map(Number);
  if (
    !/^\d{1,9}(x\d{1,9})*$/.test(text) ||
    sizes.some((size) => size < 1) ||
    sizes.length < rank ||
    sizes.length > 6
  ) {
    throw new ArgumentError(
      `--shape '${text}': ${name} takes ${rank === 3 ? 'three' : `at least ${rank}`} sizes such as ${Array(rank).fill(64).join('x')}`,
    );
  }
  return sizes;
}
