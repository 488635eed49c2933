import {
  ArgumentError,
  DeviceError,
  DTypeError,
  devices,
  FusorError,
  getThreads,
  measurePeak,
  OutOfMemoryError,
  ops,
  QueueFullError,
  ShapeError,
  scope,
  setThreads,
  synchronize,
  Tensor,
} from '@fusor/native';
import { describe, expect, test } from 'vitest';

const f32 = (...shape: number[]): Tensor => Tensor.zeros(shape);
const i32 = (...shape: number[]): Tensor => Tensor.zeros(shape, { dtype: 'i32' });
// What TypeScript would not let pass.
const wrong = (value: unknown): never => value as never;

type Case = readonly [call: () => unknown, kind: new (message: string) => FusorError, message: RegExp];

/** Wrong sizes, dtypes and values of every operation; the message names what was expected and what came. */
const table: Readonly<Record<string, readonly Case[]>> = {
  conv2d: [
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(64, 4, 7, 7)),
      ShapeError,
      /^conv2d: input has 3 channels but weight \[64, 4, 7, 7\] expects 4 \(groups = 1\)$/,
    ],
    [
      () => ops.conv2d(f32(3, 8), f32(4, 3, 3, 3)),
      ShapeError,
      /input must have 4 dimensions \[n, c, h, w\], got shape \[3, 8\]/,
    ],
    [() => ops.conv2d(f32(1, 3, 8, 8), f32(3, 3)), ShapeError, /weight must have 4 dimensions/],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 9, 3)),
      ShapeError,
      /a kernel of 9x3 .* does not fit into input \[1, 3, 8, 8\]/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { bias: f32(3) }),
      ShapeError,
      /bias must have shape \[4\]/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { residual: f32(1, 4, 8, 8) }),
      ShapeError,
      /residual must have shape \[1, 4, 6, 6\] .* got \[1, 4, 8, 8\]/,
    ],
    [() => ops.conv2d(f32(1, 4, 8, 8), f32(4, 1, 3, 3), { groups: 3 }), ShapeError, /3 groups/],
    [() => ops.conv2d(f32(1, 4, 8, 8), f32(6, 2, 3, 3), { groups: 4 }), ShapeError, /4 groups/],
    [
      () => ops.conv2d(f32(1, 4, 8, 8), f32(4, 4, 3, 3), { groups: 0 }),
      ArgumentError,
      /groups must be at least 1, got 0/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { stride: 0 }),
      ArgumentError,
      /stride must be at least 1, got \[0, 0\]/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { stride: Number.NaN }),
      ArgumentError,
      /stride must be an integer or \[height, width\], got NaN/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { stride: wrong([1, 2, 3]) }),
      ArgumentError,
      /stride must be .* got \[1, 2, 3\]/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { stride: 2 ** 40 }),
      ArgumentError,
      /stride must be an array of 2 integers|stride must be a 32-bit integer/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { dilation: -1 }),
      ArgumentError,
      /dilation must be at least 1/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { padding: -1 }),
      ArgumentError,
      /padding must be at least 0/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { padding: wrong('valid') }),
      ArgumentError,
      /padding must be .* or 'same', got 'valid'/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { padding: wrong([1, 2, 3]) }),
      ArgumentError,
      /got \[1, 2, 3\]/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { activation: wrong('swish') }),
      ArgumentError,
      /activation must be .* got 'swish'/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { activation: { clamp: [0, Number.NaN] } }),
      ArgumentError,
      /clamp\[1\] must be a number, got NaN/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), wrong({ strides: 2 })),
      ArgumentError,
      /unknown option 'strides' \(known: bias, stride/,
    ],
    [() => ops.conv2d(wrong([1]), f32(4, 3, 3, 3)), ArgumentError, /x must be a Tensor, got \[1\]/],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), wrong(undefined)),
      ArgumentError,
      /weight must be a Tensor, got undefined/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), f32(4, 3, 3, 3), { bias: wrong(1) }),
      ArgumentError,
      /bias must be a Tensor, got 1/,
    ],
    [
      () => ops.conv2d(i32(1, 3, 8, 8), i32(4, 3, 3, 3)),
      DTypeError,
      /input must be f32, f16 or bf16, got i32/,
    ],
    [
      () => ops.conv2d(f32(1, 3, 8, 8), i32(4, 3, 3, 3)),
      DTypeError,
      /input is f32 but weight is i32; convert/,
    ],
  ],
  linear: [
    [
      () => ops.linear(f32(2, 3), f32(4, 5)),
      ShapeError,
      /input \[2, 3\] has 3 features but weight \[4, 5\] expects 5/,
    ],
    [() => ops.linear(f32(), f32(4, 5)), ShapeError, /at least 1 dimension/],
    [() => ops.linear(f32(2, 5), f32(4, 5), { bias: f32(5) }), ShapeError, /bias must have shape \[4\]/],
    [
      () => ops.linear(f32(2, 5), f32(4, 5), { residual: f32(4) }),
      ShapeError,
      /residual must have shape \[2, 4\]/,
    ],
    [() => ops.linear(i32(2, 5), i32(4, 5)), DTypeError, /must be f32/],
    [() => ops.linear(wrong(null), f32(4, 5)), ArgumentError, /x must be a Tensor, got null/],
  ],
  matmul: [
    [() => ops.matmul(f32(2, 3), f32(4, 5)), ShapeError, /rows of 3 but b \[4, 5\] has columns of 4/],
    [() => ops.matmul(f32(2, 4, 3), f32(3, 3, 5)), ShapeError, /batch dimensions .* do not broadcast/],
    [() => ops.matmul(f32(), f32(2, 2)), ShapeError, /at least 2 dimensions/],
    [() => ops.matmul(f32(2, 2), i32(2, 2)), DTypeError, /a is f32 but b is i32/],
    [() => ops.matmul(f32(2, 2), wrong(2)), ArgumentError, /b must be a Tensor, got 2/],
  ],
  batchNorm: [
    [
      () => ops.batchNorm(f32(2, 3, 4), { mean: f32(4), variance: f32(3) }),
      ShapeError,
      /mean must have shape \[3\] \(one per channel of the input\), got \[4\]/,
    ],
    [
      () => ops.batchNorm(f32(2, 3), { mean: f32(3), variance: f32(3), weight: f32(1) }),
      ShapeError,
      /weight must have shape/,
    ],
    [() => ops.batchNorm(f32(3), { mean: f32(3), variance: f32(3) }), ShapeError, /at least 2 dimensions/],
    [
      () => ops.batchNorm(f32(2, 3), wrong({ mean: f32(3) })),
      ArgumentError,
      /variance must be a Tensor, got undefined/,
    ],
    [() => ops.batchNorm(f32(2, 3), wrong(undefined)), ArgumentError, /options must be an object, got null/],
    [
      () => ops.batchNorm(f32(2, 3), { mean: f32(3), variance: f32(3), eps: -1 }),
      ArgumentError,
      /epsilon must be .* got -1/,
    ],
    [
      () => ops.batchNorm(f32(2, 3), { mean: f32(3), variance: f32(3), eps: Number.NaN }),
      ArgumentError,
      /eps must be a number, got NaN/,
    ],
    [
      () => ops.batchNorm(f32(1, 3), { mean: f32(3), variance: f32(3), training: true }),
      ShapeError,
      /more than 1 value per channel/,
    ],
    [
      () =>
        ops.batchNorm(
          f32(2, 3),
          wrong({ mean: f32(3), variance: f32(3), training: true, residual: f32(2, 3) }),
        ),
      ArgumentError,
      /unknown option 'residual'/,
    ],
    [() => ops.batchNorm(i32(2, 3), { mean: f32(3), variance: f32(3) }), DTypeError, /must be f32/],
  ],
  layerNorm: [
    [
      () => ops.layerNorm(f32(2, 3), 4),
      ShapeError,
      /normalizedShape \[4\] is not how the shape of x \[2, 3\] ends/,
    ],
    [() => ops.layerNorm(f32(3), [2, 3]), ShapeError, /normalizedShape \[2, 3\]/],
    [() => ops.layerNorm(f32(3), []), ShapeError, /normalizedShape \[\]/],
    [() => ops.layerNorm(f32(2, 3), 3, { weight: f32(2) }), ShapeError, /weight must have shape \[3\]/],
    [() => ops.layerNorm(f32(2, 3), wrong('3')), ArgumentError, /normalizedShape must be an array/],
    [() => ops.layerNorm(f32(2, 3), 2.5), ArgumentError, /must be an integer, got 2.5/],
    [() => ops.layerNorm(i32(2, 3), 3), DTypeError, /must be f32/],
  ],
  addLayerNorm: [
    [() => ops.addLayerNorm(f32(2, 3), f32(3), 3), ShapeError, /residual must have shape \[2, 3\]/],
    [() => ops.addLayerNorm(f32(2, 3), f32(2, 3), 2), ShapeError, /normalizedShape/],
    [() => ops.addLayerNorm(f32(2, 3), wrong(3), 3), ArgumentError, /residual must be a Tensor/],
  ],
  rmsNorm: [
    [() => ops.rmsNorm(f32(2, 3), 3, { weight: f32(4) }), ShapeError, /weight must have shape \[3\]/],
    [() => ops.rmsNorm(f32(2, 3), 3, wrong({ bias: f32(3) })), ArgumentError, /unknown option 'bias'/],
  ],
  groupNorm: [
    [() => ops.groupNorm(f32(2, 6, 4), 4), ShapeError, /6 channels, which do not divide into 4 groups/],
    [() => ops.groupNorm(f32(6), 2), ShapeError, /at least 2 dimensions/],
    [() => ops.groupNorm(f32(2, 6), 0), ArgumentError, /groups must be at least 1/],
    [
      () => ops.groupNorm(f32(2, 6), wrong(undefined)),
      ArgumentError,
      /groups must be an integer, got undefined/,
    ],
  ],
  'elementwise arithmetic': [
    [() => f32(2, 3).add(f32(4)), ShapeError, /^add: shapes \[2, 3\] and \[4\] do not broadcast$/],
    [() => f32(2, 3).eq(f32(3, 2)), ShapeError, /^equal: shapes/],
    [() => ops.residualAdd(f32(2, 3), f32(3)), ShapeError, /residual must have shape \[2, 3\]/],
    [() => ops.residualAdd(i32(2), i32(2)), DTypeError, /must be f32/],
    [
      () => ops.where(f32(2), f32(2), f32(2)),
      DTypeError,
      /condition must be u8 \(as comparisons give\), got f32/,
    ],
    [() => ops.where(Tensor.zeros([3], { dtype: 'u8' }), f32(2), 1), ShapeError, /do not broadcast/],
    [() => ops.where(wrong(true), f32(2), 1), ArgumentError, /condition must be a Tensor, got true/],
    [
      () => ops.where(Tensor.zeros([2], { dtype: 'u8' }), wrong('1'), 2),
      ArgumentError,
      /a must be a number, got '1'/,
    ],
    [() => ops.relu(wrong(3)), ArgumentError, /^relu: x must be a Tensor, got 3$/],
    [
      () => ops.gelu(f32(1), { approximate: wrong('erf') }),
      ArgumentError,
      /approximate must be 'none' or 'tanh', got 'erf'/,
    ],
    [() => ops.clamp(f32(1), Number.NaN), ArgumentError, /low must be a number, got NaN/],
    [() => ops.softplus(f32(1), { beta: 0 }), ArgumentError, /beta must not be 0/],
    [() => ops.leakyRelu(f32(1), wrong('0.1')), ArgumentError, /negativeSlope must be a number/],
    [() => f32(1).to(wrong('f64')), DeviceError, /there is no device 'f64'/],
  ],
  'reductions and softmax': [
    [
      () => f32(2, 3).sum(2),
      ArgumentError,
      /^sum: dim 2 is out of range for a tensor of rank 2 \(-2 to 1\)$/,
    ],
    [() => f32(2, 3).sum([0, -2]), ArgumentError, /dims \[0, -2\] name dimension 0 twice/],
    [() => f32(2, 3).sum(wrong('0')), ArgumentError, /dims must be an integer or an array of integers/],
    [() => f32(2, 3).sum(0.5), ArgumentError, /dim must be an integer, got 0.5/],
    [() => f32(2, 3).sum(0, { keepDims: wrong(1) }), ArgumentError, /keepDims must be true or false, got 1/],
    [() => f32(2, 3).sum(0, wrong({ keepdim: true })), ArgumentError, /unknown option 'keepdim'/],
    [() => f32(0).max(), ShapeError, /max: .* which has size 0/],
    [() => f32(2, 0).argmax(1), ShapeError, /size 0/],
    [() => i32(2).variance(), DTypeError, /must be f32/],
    [() => f32(2).variance(0, { correction: Number.NaN }), ArgumentError, /correction must be a number/],
    [() => f32(2).argmax(1), ArgumentError, /dim 1 is out of range/],
    [() => f32(2).softmax(-2), ArgumentError, /dim -2 is out of range/],
    [() => f32(5).topk(6), ArgumentError, /k must be 0 to 5/],
    [() => f32(5).topk(-1), ArgumentError, /k must be/],
    [() => f32(5).topk(1.5), ArgumentError, /k must be an integer, got 1.5/],
    [() => f32(5).topk(1, { largest: wrong('yes') }), ArgumentError, /largest must be true or false/],
  ],
  pooling: [
    [() => ops.maxPool2d(f32(1, 1, 2, 2), 3), ShapeError, /does not fit into input \[1, 1, 2, 2\]/],
    [
      () => ops.maxPool2d(f32(1, 1, 4, 4), 2, { padding: 2 }),
      ArgumentError,
      /padding must be at most half of kernel/,
    ],
    [
      () => ops.maxPool2d(f32(1, 1, 4, 4), wrong(undefined)),
      ArgumentError,
      /kernel must be an integer or \[height, width\], got undefined/,
    ],
    [() => ops.maxPool2d(f32(1, 1, 4, 4), 0), ArgumentError, /kernel must be at least 1/],
    [() => ops.maxPool2d(f32(4, 4), 2), ShapeError, /4 dimensions/],
    [
      () => ops.maxPool2d(f32(1, 1, 4, 4), 2, { padding: wrong('same') }),
      ArgumentError,
      /padding 'same' is for convolutions only/,
    ],
    [
      () => ops.avgPool2d(f32(1, 1, 4, 4), 2, wrong({ dilation: 2 })),
      ArgumentError,
      /unknown option 'dilation'/,
    ],
    [() => ops.avgPool2d(i32(1, 1, 4, 4), 2), DTypeError, /must be f32/],
    [
      () => ops.adaptiveAvgPool2d(f32(1, 1, 4, 4), wrong([1, 2, 3])),
      ArgumentError,
      /size must be an integer or \[height, width\]/,
    ],
    [() => ops.adaptiveAvgPool2d(f32(1, 1, 4, 4), -1), ArgumentError, /outputSize must be at least 0/],
    [() => ops.maxPool1d(f32(2, 3, 4), wrong([2])), ArgumentError, /kernel must be an integer, got \[2\]/],
  ],
  'shape and index': [
    [() => f32(2, 3).reshape([4, 2]), ShapeError, /input \[2, 3\] has 6 elements but shape \[4, 2\] has 8/],
    [
      () => f32(2, 3).reshape([-1, 4]),
      ShapeError,
      /6 elements of shape \[2, 3\] do not fill shape \[-1, 4\]/,
    ],
    [() => f32(2, 3).reshape([-1, -1]), ArgumentError, /only one size/],
    [() => f32(0, 3).reshape([-1, 0]), ShapeError, /do not fill/],
    [() => f32(2, 3).reshape([-2, -3]), ShapeError, /not possible: sizes are at least 0/],
    [() => f32(2, 3).reshape(wrong('6')), ArgumentError, /shape must be an array of integers/],
    [
      () => f32(1).reshape([1, 1, 1, 1, 1, 1, 1, 1, 1]),
      ArgumentError,
      /shape must be an array of at most 8 integers/,
    ],
    [() => f32(2, 3).permute([0, 0]), ArgumentError, /order \[0, 0\] must name each of the 2 dimensions/],
    [() => f32(2, 3).permute([0]), ArgumentError, /order \[0\]/],
    [() => f32(2, 3).transpose(0, 2), ArgumentError, /dim1 2 is out of range/],
    [() => f32(2, 3).expand([2, 4]), ShapeError, /input \[2, 3\] cannot be expanded to \[2, 4\]/],
    [() => f32(2).expand([-1, 2]), ArgumentError, /size -1 has no size/],
    [() => f32(2, 3).slice(0, 0, 2, 0), ArgumentError, /step must be at least 1, got 0/],
    [() => f32(2, 3).slice(0, wrong('1')), ArgumentError, /start must be an integer, got '1'/],
    [() => f32().slice(0), ShapeError, /rank 0/],
    [() => f32(2, 3).narrow(1, 2, 2), ShapeError, /2 elements from 2 on do not lie in dimension 1 of size 3/],
    [() => f32(2, 3).select(0, 2), ShapeError, /index 2 is out of range for dimension 0 of size 2/],
    [() => f32(2, 3).split([1, 1], 1), ShapeError, /sizes \[1, 1\] do not add up to dimension 1 of size 3/],
    [() => f32(2, 3).split(0), ArgumentError, /sizes must be at least 1/],
    [() => f32(2, 3).chunk(0), ArgumentError, /chunks must be at least 1/],
    [() => f32(2, 3).flatten(1, 0), ArgumentError, /startDim 1 comes after endDim 0/],
    [() => ops.concat([]), ArgumentError, /tensors must not be empty/],
    [() => ops.concat(wrong(f32(1))), ArgumentError, /tensors must be an array of Tensors/],
    [() => ops.concat([f32(1), wrong(2)]), ArgumentError, /tensors\[1\] must be a Tensor, got 2/],
    [
      () => ops.concat([f32(2, 3), f32(2, 4)]),
      ShapeError,
      /input 0 has shape \[2, 3\] but input 1 has \[2, 4\]/,
    ],
    [() => ops.concat([f32(2), f32(2)], 1), ArgumentError, /dim 1 is out of range/],
    [
      () => ops.stack([f32(2), f32(3)]),
      ShapeError,
      /tensors\[1\] has shape \[3\], but tensors\[0\] has shape \[2\]/,
    ],
    [
      () => ops.pad(Tensor.zeros([2], { dtype: 'i32' }), [1, 1], { value: 2 ** 31 }),
      ArgumentError,
      /pad: value 2.14748365e\+09 does not fit into i32/,
    ],
    [
      () => ops.pad(Tensor.zeros([2], { dtype: 'u8' }), [1, 1], { value: Number.NaN }),
      ArgumentError,
      /pad: value nan does not fit into u8/,
    ],
    [() => f32(2).pad([1]), ArgumentError, /amounts \[1\] must be pairs/],
    [() => f32(2).pad([1, 1, 1, 1]), ArgumentError, /at most one for each of the 1 dimensions/],
    [() => f32(2).pad([-3, 0]), ShapeError, /pad: /],
    [() => f32(2).pad([2, 0], { mode: 'reflect' }), ArgumentError, /reflection must be 0 to 1/],
    [
      () => f32(2).pad([1, 1], { mode: wrong('circular') }),
      ArgumentError,
      /mode must be one of 'constant', 'reflect', 'replicate', got 'circular'/,
    ],
    [() => f32(2, 3).gather(0, f32(2, 3)), DTypeError, /index must be i32 or i64, got f32/],
    [() => f32(2, 3).gather(0, i32(2)), ShapeError, /index \[2\] must have input \[2, 3\]'s rank/],
    [() => f32(2, 3).indexSelect(2, i32(2)), ArgumentError, /dim 2 is out of range/],
    [() => ops.embedding(f32(5, 3), f32(2)), DTypeError, /index must be i32 or i64/],
  ],
};

for (const [name, cases] of Object.entries(table)) {
  test(`${name}: bad arguments are told at once, by kind and in words`, () => {
    for (const [call, kind, message] of cases) {
      let error: unknown;
      try {
        call();
      } catch (thrown) {
        error = thrown;
      }
      expect(error, String(message)).toBeInstanceOf(FusorError);
      expect((error as Error).message).toMatch(message);
      expect(error, String(message)).toBeInstanceOf(kind);
      expect((error as FusorError).code).toMatch(/^ERR_FUSOR_[A-Z_]+$/);
    }
  });
}

test('no operation crashes on arguments of any JavaScript type', () => {
  const x = f32(2, 3);
  const values: readonly unknown[] = [
    undefined,
    null,
    true,
    0,
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 60,
    10n,
    '',
    'relu',
    [],
    [[]],
    [1],
    [-1, 2],
    {},
    { length: 2 },
    Symbol('s'),
    () => 1,
    new Map(),
    new Float32Array(2),
    new ArrayBuffer(8),
    new Proxy({}, {}),
    x,
    Object.create(null),
    new Error('e'),
    Promise.resolve(),
  ];
  const calls = ops as unknown as Readonly<Record<string, (...values: unknown[]) => unknown>>;
  let thrown = 0;
  const attempt = (name: string, ...given: unknown[]) => {
    try {
      calls[name]!(...given);
    } catch (error) {
      thrown += 1;
      if (!(error instanceof FusorError)) expect.fail(`${name}: ${(error as Error).stack}`);
    }
  };
  for (const name of Object.keys(calls)) {
    for (const first of values) {
      attempt(name, first, first, first);
      for (const second of values) attempt(name, x, first, second);
    }
  }
  expect(thrown).toBeGreaterThan(10_000);
});

describe('failures during execution', () => {
  // More bytes than addresses exist: allocating fails on every machine, whatever it promises.
  const huge = [2 ** 50];

  test('reject with the operation and the place it was called from; what follows passes it on', async () => {
    const failed = Tensor.zeros(huge);
    const after = failed.add(1).relu().sum();
    for (const promise of [after.item(), after.data()]) {
      const error = await promise.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(FusorError);
      expect(error).toMatchObject({ code: 'ERR_FUSOR_OUT_OF_MEMORY' });
      expect((error as Error).message).toMatch(/^fill \(called at .*errors\.test\.ts.*:\d+:\d+\): /);
    }
    failed.dispose();
  });

  test('do not stop the stream, nor become unhandled rejections', async () => {
    const rejections: unknown[] = [];
    const listener = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', listener);
    const failed = Tensor.zeros(huge).sum();
    failed.data();
    failed.item();
    expect(await Tensor.from([1, 2]).add(1).sum().item()).toBe(5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', listener);
    expect(rejections).toEqual([]);
  });

  test('a tensor too large for JavaScript is refused where it is read', () => {
    expect(() => Tensor.zeros([2 ** 50]).data()).toThrow(/data: JavaScript has no room for a f32 array/);
    expect(() => Tensor.zeros([2 ** 50, 2 ** 11])).toThrow(ShapeError);
  });
});

test('eager work without end is refused, naming what lets it drain', async () => {
  await synchronize();
  // Something that keeps the stream busy while the queue fills.
  const large = Tensor.ones([2048, 2048]);
  for (let i = 0; i < 8; i++) ops.matmul(large, large).dispose();
  const x = Tensor.ones([3]);
  let full: unknown;
  for (let i = 0; i < 100_000 && full === undefined; i++) {
    try {
      x.exp().dispose();
    } catch (error) {
      full = error;
    }
  }
  expect(full).toBeInstanceOf(QueueFullError);
  expect((full as Error).message).toMatch(/synchronize/);
  await synchronize('cpu');
  expect(await x.sum().item()).toBe(3);
});

describe('devices, threads and memory', () => {
  test('devices() has the CPU, usable, with its instruction set', async () => {
    const [cpu] = await devices();
    expect(cpu).toMatchObject({ id: 'cpu', kind: 'cpu', available: true });
    expect(cpu!.computeUnits).toBeGreaterThan(0);
    expect(cpu!.instructionSet).toMatch(/^(baseline|avx2|avx512|avx512-emulated|neon)$/);
    expect(cpu).not.toHaveProperty('reason');
  });

  test("'auto' is a device that can be used; others are refused by name", async () => {
    expect(Tensor.zeros([1], { device: 'auto' }).device).toBe(
      (await devices()).find((d) => d.kind === 'cuda' && d.available)?.id ?? 'cpu',
    );
    expect(() => Tensor.zeros([1], { device: wrong('tpu') })).toThrow(
      /Tensor.zeros: there is no device 'tpu' \(there are: 'cpu'/,
    );
    expect(() => Tensor.zeros([1], { device: wrong(0) })).toThrow(DeviceError);
    expect(() => synchronize(wrong({}))).toThrow(DeviceError);
  });

  test('setThreads changes the pool; results do not depend on it', async () => {
    const before = getThreads();
    const x = Tensor.randn([3, 16, 40, 40]);
    const weight = Tensor.randn([16, 16, 3, 3]);
    const results = [];
    for (const threads of [1, 2]) {
      setThreads(threads);
      expect(getThreads()).toBe(threads);
      results.push(await ops.conv2d(x, weight, { padding: 1 }).data());
    }
    expect(results[0]).toEqual(results[1]);
    setThreads(0);
    expect(getThreads()).toBe(before);
    for (const bad of [-1, 1.5, Number.NaN, '2', undefined])
      expect(() => setThreads(wrong(bad))).toThrow(ArgumentError);
    expect(() => setThreads(2 ** 40)).toThrow(ArgumentError);
  });

  test('measurePeak gives a plausible number', async () => {
    const one = await measurePeak({ threads: 1 });
    expect(one).toBeGreaterThan(0.5);
    expect(one).toBeLessThan(1000);
    expect(() => measurePeak({ threads: 1.5 })).toThrow(ArgumentError);
  });

  test('scope wants a function', () => {
    expect(() => scope(wrong(3))).toThrow(ArgumentError);
  });
});

test('a tensor larger than any memory fails what needs it, not the process', async () => {
  // 2^62 bytes: V8 ends the process when it is told of 2^60.
  const x = Tensor.zeros([2 ** 31, 2 ** 29]);
  await expect(x.sum().data()).rejects.toThrow(OutOfMemoryError);
  x.dispose();
});
