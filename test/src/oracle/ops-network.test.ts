// Convolutions, products, norms and pooling against onnxruntime, on random ragged shapes.

import type { OnnxAttribute } from '@fusor/bench/onnx';
import { ops } from '@fusor/native';
import { describe, it } from 'vitest';
import { expectSame } from './onnxruntime.ts';
import { Random } from './random.ts';

/** One random case per seed; the seed is in the name, so that a failure can be repeated. */
function everySeed(count: number, what: string, test: (random: Random) => Promise<void>): void {
  it.each(Array.from({ length: count }, (_, seed) => seed))(`${what}, random case %i`, (seed) =>
    test(new Random(seed)),
  );
}

type Padding = [top: number, bottom: number, left: number, right: number];

const onnxPads = ([top, bottom, left, right]: Padding): OnnxAttribute => ({
  ints: [top, left, bottom, right],
});

/** A window that fits into [h, w], with stride, dilation and padding of all kinds. */
function randomWindow(random: Random, h: number, w: number, options: { halfPadding?: boolean } = {}) {
  const dilation: [number, number] = [random.pick([1, 1, 1, 2, 3]), random.pick([1, 1, 1, 2, 3])];
  const kernel: [number, number] = [random.integer(1, 5), random.integer(1, 5)];
  const stride: [number, number] = [random.integer(1, 3), random.integer(1, 3)];
  const most = (axis: 0 | 1) => (options.halfPadding ? Math.floor(kernel[axis] / 2) : 3);
  const padding: Padding = [
    random.integer(0, most(0)),
    random.integer(0, most(0)),
    random.integer(0, most(1)),
    random.integer(0, most(1)),
  ];
  const fits = (size: number, axis: 0 | 1) =>
    size + padding[2 * axis]! + padding[2 * axis + 1]! > dilation[axis] * (kernel[axis] - 1);
  if (!fits(h, 0)) [kernel[0], padding[0], padding[1]] = [1, 0, 0];
  if (!fits(w, 1)) [kernel[1], padding[2], padding[3]] = [1, 0, 0];
  return { kernel, stride, dilation, padding };
}

describe('conv2d', () => {
  everySeed(60, 'conv2d equals Conv with any stride, padding, dilation and groups', async (random) => {
    const groups = random.pick([1, 1, 1, 2, 3, 4]);
    const [c, k] = [groups * random.pick([1, 3, 4, 8, 9, 17]), groups * random.pick([1, 2, 5, 8, 13, 16])];
    const [n, h, w] = [random.integer(1, 3), random.integer(1, 19), random.integer(1, 19)];
    const { kernel, stride, dilation, padding } = randomWindow(random, h, w);
    const bias = random.chance();
    await expectSame({
      inputs: {
        x: random.floats([n, c, h, w]),
        weight: random.floats([k, c / groups, ...kernel]),
        bias: random.floats([k]),
      },
      fusor: ({ x, weight, bias: b }) =>
        ops.conv2d(x, weight, { stride, padding, dilation, groups, ...(bias ? { bias: b } : {}) }),
      onnx: (builder) => {
        builder.addNode('Conv', bias ? ['x', 'weight', 'bias'] : ['x', 'weight'], ['y'], {
          strides: { ints: stride },
          dilations: { ints: dilation },
          pads: onnxPads(padding),
          group: { int: groups },
        });
        return 'y';
      },
    });
  });

  everySeed(8, 'depthwise conv2d equals Conv with as many groups as channels', async (random) => {
    const channels = random.pick([3, 8, 17, 32]);
    const multiplier = random.integer(1, 2);
    const stride = random.integer(1, 2);
    await expectSame({
      inputs: {
        x: random.floats([2, channels, random.integer(5, 20), random.integer(5, 20)]),
        weight: random.floats([channels * multiplier, 1, 3, 3]),
      },
      fusor: ({ x, weight }) => ops.conv2d(x, weight, { stride, padding: 1, groups: channels }),
      onnx: (builder) => {
        builder.addNode('Conv', ['x', 'weight'], ['y'], {
          strides: { ints: [stride, stride] },
          pads: { ints: [1, 1, 1, 1] },
          group: { int: channels },
        });
        return 'y';
      },
    });
  });

  everySeed(
    12,
    'the epilogue of conv2d equals Conv, Add and the activation one after another',
    async (random) => {
      const activation = random.pick(['relu', 'gelu', 'silu', { clamp: [-0.5, 0.75] as const }] as const);
      const [n, c, k, h, w] = [2, 5, random.pick([7, 16, 33]), random.integer(3, 15), random.integer(3, 15)];
      await expectSame({
        inputs: {
          x: random.floats([n, c, h, w]),
          weight: random.floats([k, c, 3, 3]),
          bias: random.floats([k]),
          residual: random.floats([n, k, h, w]),
        },
        opset: 20,
        fusor: ({ x, weight, bias, residual }) =>
          ops.conv2d(x, weight, { padding: 1, bias, residual, activation }),
        onnx: (builder) => {
          builder.addNode('Conv', ['x', 'weight', 'bias'], ['conv'], { pads: { ints: [1, 1, 1, 1] } });
          builder.addNode('Add', ['conv', 'residual'], ['sum']);
          if (activation === 'relu') builder.addNode('Relu', ['sum'], ['y']);
          else if (activation === 'gelu') builder.addNode('Gelu', ['sum'], ['y']);
          else if (activation === 'silu') {
            builder.addNode('Sigmoid', ['sum'], ['sigmoid']);
            builder.addNode('Mul', ['sum', 'sigmoid'], ['y']);
          } else {
            builder.addInitializer('low', 'f32', [], Float32Array.of(-0.5));
            builder.addInitializer('high', 'f32', [], Float32Array.of(0.75));
            builder.addNode('Clip', ['sum', 'low', 'high'], ['y']);
          }
          return 'y';
        },
      });
    },
  );

  // Shapes of ResNets, small enough for a test and large enough for the algorithms that only large ones choose.
  it.each([
    { what: '3x3 with stride 1', c: 64, k: 64, size: 28, kernel: 3, stride: 1 },
    { what: '3x3 with stride 2', c: 32, k: 64, size: 29, kernel: 3, stride: 2 },
    { what: '3x3 on 7 pixels', c: 128, k: 96, size: 7, kernel: 3, stride: 1 },
    { what: '1x1', c: 64, k: 256, size: 14, kernel: 1, stride: 1 },
    { what: '1x1 with stride 2', c: 64, k: 128, size: 28, kernel: 1, stride: 2 },
    { what: 'the 7x7 stem', c: 3, k: 64, size: 64, kernel: 7, stride: 2 },
  ])('conv2d equals Conv: $what', async ({ c, k, size, kernel, stride }) => {
    const random = new Random(c + k);
    const padding = (kernel - 1) / 2;
    await expectSame({
      inputs: { x: random.floats([2, c, size, size]), weight: random.floats([k, c, kernel, kernel]) },
      fusor: ({ x, weight }) => ops.conv2d(x, weight, { stride, padding }),
      onnx: (builder) => {
        builder.addNode('Conv', ['x', 'weight'], ['y'], {
          strides: { ints: [stride, stride] },
          pads: { ints: [padding, padding, padding, padding] },
        });
        return 'y';
      },
    });
  });
});

describe('products', () => {
  everySeed(20, 'linear equals Gemm with the second operand transposed', async (random) => {
    const [n, inputs, outputs] = [
      random.size(),
      random.pick([1, 7, 64, 129, 500]),
      random.pick([1, 10, 33, 100]),
    ];
    await expectSame({
      inputs: {
        x: random.floats([n, inputs]),
        weight: random.floats([outputs, inputs]),
        bias: random.floats([outputs]),
      },
      fusor: ({ x, weight, bias }) => ops.linear(x, weight, { bias }),
      onnx: (builder) => {
        builder.addNode('Gemm', ['x', 'weight', 'bias'], ['y'], { transB: { int: 1 } });
        return 'y';
      },
    });
  });

  everySeed(20, 'matmul equals MatMul with broadcast batches and vectors', async (random) => {
    const batch = random.shape(random.integer(0, 2)).map((size) => Math.min(size, 5));
    const [m, k, n] = [random.size(), random.size(), random.size()];
    const [left, right] = [random.broadcastable(batch), batch];
    const vector = random.chance(0.15);
    await expectSame({
      inputs: {
        a: random.floats(vector ? [k] : [...left, m, k]),
        b: random.floats([...right, k, n]),
      },
      fusor: ({ a, b }) => ops.matmul(a, b),
      onnx: (builder) => {
        builder.addNode('MatMul', ['a', 'b'], ['y']);
        return 'y';
      },
    });
  });
});

describe('norms', () => {
  everySeed(16, 'batchNorm equals BatchNormalization for any rank', async (random) => {
    const shape = [
      random.integer(1, 3),
      random.size(),
      ...random.shape(random.integer(0, 3)).map((x) => Math.min(x, 9)),
    ];
    const channels = shape[1]!;
    const eps = random.pick([1e-5, 1e-3, 0.1]);
    await expectSame({
      inputs: {
        x: random.floats(shape, -3, 5),
        weight: random.floats([channels]),
        bias: random.floats([channels]),
        mean: random.floats([channels]),
        variance: random.floats([channels], 0.1, 2),
      },
      fusor: ({ x, weight, bias, mean, variance }) => ops.batchNorm(x, { mean, variance, weight, bias, eps }),
      onnx: (builder) => {
        builder.addNode('BatchNormalization', ['x', 'weight', 'bias', 'mean', 'variance'], ['y'], {
          epsilon: { float: eps },
        });
        return 'y';
      },
    });
  });

  everySeed(20, 'layerNorm equals LayerNormalization over any trailing dimensions', async (random) => {
    const shape = random.shape(random.integer(1, 4)).map((size) => Math.min(size, 33));
    const rank = random.integer(1, shape.length);
    const sizes = shape.slice(-rank);
    await expectSame({
      // Far from 0, where E[x²] − E[x]² would lose everything.
      inputs: { x: random.floats(shape, 99, 101), weight: random.floats(sizes), bias: random.floats(sizes) },
      tolerance: 1e-4,
      fusor: ({ x, weight, bias }) => ops.layerNorm(x, sizes, { weight, bias }),
      onnx: (builder) => {
        builder.addNode('LayerNormalization', ['x', 'weight', 'bias'], ['y'], {
          axis: { int: -rank },
          epsilon: { float: 1e-5 },
        });
        return 'y';
      },
    });
  });

  everySeed(10, 'addLayerNorm equals Add and LayerNormalization, both results', async (random) => {
    const shape = [random.size(), random.pick([1, 32, 100, 257])];
    const sizes = shape.slice(-1);
    await expectSame({
      inputs: {
        x: random.floats(shape),
        residual: random.floats(shape),
        weight: random.floats(sizes),
        bias: random.floats(sizes),
      },
      fusor: ({ x, residual, weight, bias }) => {
        const { sum, output } = ops.addLayerNorm(x, residual, sizes, { weight, bias });
        return [sum, output];
      },
      onnx: (builder) => {
        builder.addNode('Add', ['x', 'residual'], ['sum']);
        builder.addNode('LayerNormalization', ['sum', 'weight', 'bias'], ['y'], { axis: { int: -1 } });
        return ['sum', 'y'];
      },
    });
  });

  everySeed(10, 'rmsNorm equals RMSNormalization', async (random) => {
    const shape = [random.size(), random.pick([2, 32, 100, 257])];
    await expectSame({
      inputs: { x: random.floats(shape), weight: random.floats(shape.slice(-1)) },
      opset: 23,
      fusor: ({ x, weight }) => ops.rmsNorm(x, shape[1]!, { weight, eps: 1e-5 }),
      onnx: (builder) => {
        builder.addNode('RMSNormalization', ['x', 'weight'], ['y'], {
          axis: { int: -1 },
          epsilon: { float: 1e-5 },
        });
        return 'y';
      },
    });
  });

  everySeed(10, 'groupNorm equals GroupNormalization', async (random) => {
    const groups = random.pick([1, 2, 3, 4]);
    const channels = groups * random.integer(1, 6);
    await expectSame({
      inputs: {
        x: random.floats([2, channels, random.size(), random.size()], -1, 3),
        weight: random.floats([channels]),
        bias: random.floats([channels]),
      },
      opset: 21,
      fusor: ({ x, weight, bias }) => ops.groupNorm(x, groups, { weight, bias }),
      onnx: (builder) => {
        builder.addNode('GroupNormalization', ['x', 'weight', 'bias'], ['y'], {
          num_groups: { int: groups },
          epsilon: { float: 1e-5 },
        });
        return 'y';
      },
    });
  });
});

describe('pooling', () => {
  everySeed(30, 'maxPool2d equals MaxPool with padding, dilation and ceil mode', async (random) => {
    const [h, w] = [random.integer(1, 19), random.integer(1, 19)];
    const { kernel, ...window } = randomWindow(random, h, w, { halfPadding: true });
    const ceilMode = random.chance(0.3);
    await expectSame({
      inputs: { x: random.floats([random.integer(1, 2), random.size(), h, w]) },
      fusor: ({ x }) => ops.maxPool2d(x, kernel, { ...window, ceilMode }),
      onnx: (builder) => {
        builder.addNode('MaxPool', ['x'], ['y'], {
          kernel_shape: { ints: kernel },
          strides: { ints: window.stride },
          dilations: { ints: window.dilation },
          pads: onnxPads(window.padding),
          ceil_mode: { int: ceilMode ? 1 : 0 },
        });
        return 'y';
      },
    });
  });

  everySeed(30, 'avgPool2d equals AveragePool, padding counted or not', async (random) => {
    const [h, w] = [random.integer(5, 19), random.integer(5, 19)];
    const kernel: [number, number] = [random.integer(1, 5), random.integer(1, 5)];
    const stride: [number, number] = [random.integer(1, 3), random.integer(1, 3)];
    const half = kernel.map((size) => Math.floor(size / 2));
    const padding: Padding = [
      random.integer(0, half[0]!),
      random.integer(0, half[0]!),
      random.integer(0, half[1]!),
      random.integer(0, half[1]!),
    ];
    const countIncludePad = random.chance();
    await expectSame({
      inputs: { x: random.floats([2, random.size(), h, w]) },
      fusor: ({ x }) => ops.avgPool2d(x, kernel, { stride, padding, countIncludePad }),
      onnx: (builder) => {
        builder.addNode('AveragePool', ['x'], ['y'], {
          kernel_shape: { ints: kernel },
          strides: { ints: stride },
          pads: onnxPads(padding),
          count_include_pad: { int: countIncludePad ? 1 : 0 },
        });
        return 'y';
      },
    });
  });

  everySeed(10, 'global pooling equals GlobalAveragePool and GlobalMaxPool', async (random) => {
    await expectSame({
      inputs: { x: random.floats([2, random.size(), random.size(), random.size()]) },
      fusor: ({ x }) => [ops.adaptiveAvgPool2d(x, 1), ops.adaptiveMaxPool2d(x, 1)],
      onnx: (builder) => {
        builder.addNode('GlobalAveragePool', ['x'], ['mean']);
        builder.addNode('GlobalMaxPool', ['x'], ['max']);
        return ['mean', 'max'];
      },
    });
  });
});
