import { ops, type Tensor } from '@fusor/native';
import type { Random } from '../oracle/random.ts';
import { fresh, indices, viewed } from './tensors.ts';

/** Arguments with which an op works. */
type Arguments = (random: Random) => unknown[];

const activations = ['relu', 'gelu', 'gelu-tanh', 'silu', { clamp: [-0.5, 0.5] }, null, undefined];
const small = (random: Random) => random.pick([1, 1, 2, 3, 5, 7, 8, 9, 17]);
const shape = (random: Random, least = 0, most = 4) =>
  Array.from({ length: random.integer(least, most) }, () => small(random));
const dimOf = (random: Random, rank: number) => (rank === 0 ? 0 : random.integer(-rank, rank - 1));
const maybe = <T>(random: Random, make: () => T): T | undefined => (random.chance() ? make() : undefined);

const unary: Arguments = (random) => [viewed(random, shape(random))];

const binary: Arguments = (random) => {
  const sizes = shape(random);
  const other = () =>
    random.chance(0.2) ? random.integer(-3, 3) : viewed(random, random.broadcastable(sizes));
  return random.chance() ? [viewed(random, sizes), other()] : [other(), viewed(random, sizes)];
};

const reduction: Arguments = (random) => {
  const sizes = shape(random);
  const dims = maybe(random, () =>
    random.chance() ? dimOf(random, sizes.length) : sizes.map((_, dim) => dim),
  );
  return [viewed(random, sizes), dims, { keepDims: random.chance() }];
};

const alongDim: Arguments = (random) => {
  const sizes = shape(random, 1);
  return [viewed(random, sizes), dimOf(random, sizes.length)];
};

const conv2d: Arguments = (random) => {
  const groups = random.pick([1, 1, 1, 2, 3]);
  const [c, k] = [groups * random.pick([1, 2, 3, 8, 16]), groups * random.pick([1, 2, 5, 8, 17])];
  const [r, s] = [random.integer(1, 4), random.integer(1, 4)];
  const dilation = [random.integer(1, 2), random.integer(1, 2)];
  const padding = Array.from({ length: 4 }, () => random.integer(0, 2));
  const stride = [random.integer(1, 3), random.integer(1, 3)];
  const [h, w] = [r * dilation[0]! + random.integer(0, 12), s * dilation[1]! + random.integer(0, 12)];
  const n = random.integer(0, 3);
  const p = Math.floor((h + padding[0]! + padding[1]! - dilation[0]! * (r - 1) - 1) / stride[0]!) + 1;
  const q = Math.floor((w + padding[2]! + padding[3]! - dilation[1]! * (s - 1) - 1) / stride[1]!) + 1;
  return [
    viewed(random, [n, c, h, w]),
    viewed(random, [k, c / groups, r, s]),
    {
      groups,
      dilation,
      padding,
      stride,
      bias: maybe(random, () => viewed(random, [k])),
      residual: maybe(random, () => viewed(random, [n, k, p, q])),
      activation: random.pick(activations),
    },
  ];
};

const linear: Arguments = (random) => {
  const [inputs, outputs, rows] = [small(random), small(random), shape(random, 0, 2)];
  return [
    viewed(random, [...rows, inputs]),
    viewed(random, [outputs, inputs]),
    {
      bias: maybe(random, () => viewed(random, [outputs])),
      residual: maybe(random, () => viewed(random, [...rows, outputs])),
      activation: random.pick(activations),
    },
  ];
};

const matmul: Arguments = (random) => {
  const [rows, inner, columns, batch] = [small(random), small(random), small(random), shape(random, 0, 2)];
  return [
    viewed(random, [...batch, rows, inner]),
    viewed(random, [...random.broadcastable(batch), inner, columns]),
  ];
};

const norm: Arguments = (random) => {
  const sizes = shape(random, 1, 4);
  const normalized = sizes.slice(random.integer(0, sizes.length - 1));
  return [
    viewed(random, sizes),
    normalized,
    {
      weight: maybe(random, () => viewed(random, normalized)),
      bias: maybe(random, () => viewed(random, normalized)),
    },
  ];
};

const pool2d: Arguments = (random) => [
  viewed(random, [random.integer(0, 2), small(random), random.integer(5, 17), random.integer(5, 17)]),
  [random.integer(1, 5), random.integer(1, 5)],
  { stride: random.integer(1, 3), ceilMode: random.chance() },
];

const batchNorm: Arguments = (random) => {
  const sizes = [random.integer(2, 3), small(random), ...shape(random, 0, 2)];
  const channel = () => fresh(random, [sizes[1]!]);
  return [
    viewed(random, sizes),
    {
      mean: channel(),
      variance: ops.abs(channel()),
      weight: maybe(random, channel),
      bias: maybe(random, channel),
      ...(random.chance(0.3) ? { training: true, momentum: 0.1 } : { activation: random.pick(activations) }),
    },
  ];
};

// Fewer than the elements there are: more cannot be reflected.
const amounts = (random: Random, sizes: readonly number[]) =>
  sizes
    .toReversed()
    .slice(0, random.integer(0, sizes.length))
    .flatMap((size) => [random.integer(0, size - 1), random.integer(0, size - 1)]);

/** Every op of @fusor/native, with how to call it. */
export const calls: Readonly<Record<keyof typeof ops, Arguments>> = {
  abs: unary,
  add: binary,
  adaptiveAvgPool1d: (random) => [
    viewed(random, [2, small(random), random.integer(3, 20)]),
    random.integer(1, 7),
  ],
  adaptiveAvgPool2d: (random) => [
    viewed(random, [2, small(random), 9, 13]),
    [random.integer(1, 7), random.integer(1, 7)],
  ],
  adaptiveMaxPool1d: (random) => [
    viewed(random, [2, small(random), random.integer(3, 20)]),
    random.integer(1, 7),
  ],
  adaptiveMaxPool2d: (random) => [
    viewed(random, [2, small(random), 9, 13]),
    [random.integer(1, 7), random.integer(1, 7)],
  ],
  addLayerNorm: (random) => {
    const [x, normalized, options] = norm(random) as [Tensor, number[], object];
    return [x, viewed(random, x.shape), normalized, options];
  },
  all: reduction,
  any: reduction,
  argmax: alongDim,
  argmin: alongDim,
  avgPool1d: (random) => [viewed(random, [2, small(random), random.integer(5, 20)]), random.integer(1, 5)],
  avgPool2d: pool2d,
  batchNorm,
  ceil: unary,
  chunk: (random) => {
    const sizes = shape(random, 1);
    return [viewed(random, sizes), random.integer(1, 4), dimOf(random, sizes.length)];
  },
  clamp: (random) => [viewed(random, shape(random)), -1, 1],
  concat: (random) => {
    const sizes = shape(random, 1);
    const dim = random.integer(0, sizes.length - 1);
    const parts = Array.from({ length: random.integer(1, 4) }, () =>
      viewed(
        random,
        sizes.map((size, at) => (at === dim ? small(random) : size)),
      ),
    );
    return [parts, dim];
  },
  conv2d,
  convert: (random) => [
    viewed(random, shape(random)),
    random.pick(['f32', 'f16', 'bf16', 'i32', 'i64', 'u8']),
  ],
  cos: unary,
  div: binary,
  elu: unary,
  embedding: (random) => {
    const rows = small(random);
    return [viewed(random, [rows, small(random)]), indices(random, shape(random, 0, 3), rows)];
  },
  eq: binary,
  erf: unary,
  exp: unary,
  expand: (random) => {
    const sizes = shape(random);
    return [
      viewed(
        random,
        sizes.map((size) => (random.chance() ? 1 : size)),
      ),
      sizes,
    ];
  },
  flatten: (random) => [viewed(random, shape(random, 1))],
  floor: unary,
  floorDivide: binary,
  gather: (random) => {
    const sizes = shape(random, 1);
    const dim = random.integer(0, sizes.length - 1);
    const length = small(random);
    return [
      viewed(random, sizes),
      dim,
      indices(
        random,
        sizes.map((size, at) => (at === dim ? length : size)),
        sizes[dim]!,
      ),
    ];
  },
  ge: binary,
  gelu: (random) => [
    viewed(random, shape(random)),
    { approximate: random.pick(['none', 'tanh', undefined]) },
  ],
  globalAvgPool2d: (random) => [viewed(random, [2, small(random), 5, 7])],
  globalMaxPool2d: (random) => [viewed(random, [2, small(random), 5, 7])],
  groupNorm: (random) => {
    const groups = random.integer(1, 3);
    const channels = groups * random.integer(1, 5);
    return [viewed(random, [random.integer(1, 2), channels, ...shape(random, 0, 2)]), groups];
  },
  gt: binary,
  hardSigmoid: unary,
  hardSwish: unary,
  identity: unary,
  indexSelect: (random) => {
    const sizes = shape(random, 1);
    const dim = random.integer(0, sizes.length - 1);
    return [viewed(random, sizes), dim, indices(random, [small(random)], sizes[dim]!)];
  },
  isNaN: unary,
  layerNorm: norm,
  le: binary,
  leakyRelu: unary,
  linear,
  log: unary,
  logSoftmax: alongDim,
  logicalAnd: binary,
  logicalNot: unary,
  logicalOr: binary,
  lt: binary,
  matmul,
  max: reduction,
  maxPool1d: (random) => [viewed(random, [2, small(random), random.integer(5, 20)]), random.integer(1, 5)],
  maxPool2d: pool2d,
  maximum: binary,
  mean: reduction,
  min: reduction,
  minimum: binary,
  mish: unary,
  mul: binary,
  narrow: (random) => {
    const sizes = shape(random, 1);
    const dim = random.integer(0, sizes.length - 1);
    const start = random.integer(0, sizes[dim]! - 1);
    return [viewed(random, sizes), dim, start, random.integer(0, sizes[dim]! - start)];
  },
  ne: binary,
  neg: unary,
  pad: (random) => {
    const sizes = shape(random, 1);
    return [
      viewed(random, sizes),
      amounts(random, sizes),
      { mode: random.pick(['constant', 'reflect', 'replicate']) },
    ];
  },
  permute: (random) => {
    const sizes = shape(random);
    return [viewed(random, sizes), sizes.map((_, dim) => sizes.length - 1 - dim)];
  },
  pow: binary,
  prod: reduction,
  reciprocal: unary,
  relu: unary,
  remainder: binary,
  reshape: (random) => [viewed(random, shape(random)), [-1]],
  residualAdd: (random) => {
    const sizes = shape(random);
    return [viewed(random, sizes), viewed(random, sizes), { activation: random.pick(activations) }];
  },
  rmsNorm: (random) => {
    const sizes = shape(random, 1, 4);
    return [viewed(random, sizes), sizes.slice(-1)];
  },
  round: unary,
  rsqrt: unary,
  select: (random) => {
    const sizes = shape(random, 1);
    const dim = random.integer(0, sizes.length - 1);
    return [viewed(random, sizes), dim, random.integer(-sizes[dim]!, sizes[dim]! - 1)];
  },
  selu: unary,
  sigmoid: unary,
  sign: unary,
  silu: unary,
  sin: unary,
  slice: (random) => {
    const sizes = shape(random, 1);
    return [
      viewed(random, sizes),
      dimOf(random, sizes.length),
      random.integer(-9, 9),
      random.integer(-9, 20),
      random.integer(1, 3),
    ];
  },
  softmax: alongDim,
  softplus: unary,
  split: (random) => {
    const sizes = shape(random, 1);
    return [viewed(random, sizes), random.integer(1, 4), dimOf(random, sizes.length)];
  },
  sqrt: unary,
  square: unary,
  squeeze: unary,
  stack: (random) => {
    const sizes = shape(random);
    return [[viewed(random, sizes), viewed(random, sizes)], dimOf(random, sizes.length + 1)];
  },
  sub: binary,
  sum: reduction,
  tanh: unary,
  topk: (random) => {
    const sizes = shape(random, 1);
    const dim = random.integer(0, sizes.length - 1);
    return [
      viewed(random, sizes),
      random.integer(0, sizes[dim]!),
      { dim, largest: random.chance(), sorted: random.chance() },
    ];
  },
  transpose: (random) => {
    const sizes = shape(random, 1);
    return [viewed(random, sizes), dimOf(random, sizes.length), dimOf(random, sizes.length)];
  },
  unflatten: (random) => [
    viewed(random, [small(random), 6]),
    1,
    random.pick([
      [2, 3],
      [-1, 2],
      [6, 1],
    ]),
  ],
  unsqueeze: (random) => {
    const sizes = shape(random);
    return [viewed(random, sizes), random.integer(0, sizes.length)];
  },
  variance: reduction,
  where: (random) => {
    const sizes = shape(random);
    return [
      ops.gt(viewed(random, random.broadcastable(sizes)), 0),
      viewed(random, sizes),
      viewed(random, random.broadcastable(sizes)),
    ];
  },
};
