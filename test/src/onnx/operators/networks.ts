import { ops, Tensor } from '@fusor/native';
import type { Call, OperatorTable } from '../call.ts';
import { Refusal } from '../values.ts';
import { range } from './shared.ts';

type Pair = [height: number, width: number];
type Padding = [top: number, bottom: number, left: number, right: number];

/** The window of a convolution or pooling in two dimensions. One dimension becomes two with a height of 1. */
interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Padding;
}

/** Runs a two-dimensional operation on [n, c, w] by giving it a height of 1. */
function throughTwoDimensions(x: Tensor, operation: (x: Tensor) => Tensor): Tensor {
  const spatial = x.shape.length - 2;
  if (spatial === 2) return operation(x);
  if (spatial !== 1) throw new Refusal(`${spatial}d windows (conv and pooling have two dimensions)`);
  const [n, c, w] = x.shape as [number, number, number];
  const y = operation(ops.reshape(x, [n, c, 1, w]));
  return ops.reshape(y, [y.shape[0]!, y.shape[1]!, y.shape[3]!]);
}

function windowOf(call: Call, kernelShape: readonly number[]): Window {
  const spatial = kernelShape.length;
  const widen = (values: readonly number[], filler: number): Pair =>
    spatial === 1 ? [filler, values[0]!] : [values[0]!, values[1]!];
  const kernel = widen(kernelShape, 1);
  const stride = widen(call.integers('strides', Array<number>(spatial).fill(1)), 1);
  const dilation = widen(call.integers('dilations', Array<number>(spatial).fill(1)), 1);
  const size = widen(call.input(0).shape.slice(2), 1);
  const pads = call.integers('pads', Array<number>(2 * spatial).fill(0));
  const [begin, end] = [widen(pads.slice(0, spatial), 0), widen(pads.slice(spatial), 0)];

  const mode = call.string('auto_pad', 'NOTSET');
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    for (const axis of [0, 1] as const) {
      // Enough that ceil(size / stride) windows fit; an odd one goes to the end (upper) or the beginning (lower).
      const outputs = Math.ceil(size[axis] / stride[axis]);
      const reach = (outputs - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1;
      const total = Math.max(0, reach - size[axis]);
      const less = Math.floor(total / 2);
      begin[axis] = mode === 'SAME_UPPER' ? less : total - less;
      end[axis] = total - begin[axis];
    }
  }
  return { kernel, stride, dilation, padding: [begin[0], end[0], begin[1], end[1]] };
}

function convolution(call: Call): Tensor {
  const weight = call.input(1);
  const bias = call.optional(2);
  const groups = call.integer('group', 1);
  return throughTwoDimensions(call.input(0), (x) => {
    const { kernel, stride, dilation, padding } = windowOf(call, weight.shape.slice(2));
    const [k, c] = weight.shape as [number, number];
    return ops.conv2d(x, ops.reshape(weight, [k, c, ...kernel]), {
      stride,
      dilation,
      padding,
      groups,
      ...(bias === undefined ? {} : { bias }),
    });
  });
}

/** Pooling pads by half a window at most, as in PyTorch; ONNX by up to a window, which then has to be done before. */
function exceedsHalf({ kernel, padding }: Window): boolean {
  return padding.some((amount, side) => amount > kernel[side < 2 ? 0 : 1] / 2);
}

function padBefore(x: Tensor, [top, bottom, left, right]: Padding, value: number): Tensor {
  return ops.pad(x, [left, right, top, bottom], { value });
}

function maxPool(call: Call): Tensor {
  if (call.wants(1)) throw new Refusal('max-pooling with the indices as an output');
  return throughTwoDimensions(call.input(0), (x) => {
    const window = windowOf(call, call.integers('kernel_shape')!);
    const { kernel, stride, dilation, padding } = window;
    const ceilMode = call.flag('ceil_mode');
    if (!exceedsHalf(window)) return ops.maxPool2d(x, kernel, { stride, dilation, padding, ceilMode });
    const padded = padBefore(x, padding, Number.NEGATIVE_INFINITY);
    return ops.maxPool2d(padded, kernel, { stride, dilation, ceilMode });
  });
}

function averagePool(call: Call): Tensor {
  return throughTwoDimensions(call.input(0), (x) => {
    const window = windowOf(call, call.integers('kernel_shape')!);
    const { kernel, stride, padding } = window;
    const options = { stride, ceilMode: call.flag('ceil_mode') };
    const countIncludePad = call.flag('count_include_pad');
    if (!exceedsHalf(window)) return ops.avgPool2d(x, kernel, { ...options, padding, countIncludePad });
    const averages = ops.avgPool2d(padBefore(x, padding, 0), kernel, options);
    if (countIncludePad) return averages;
    const inside = padBefore(Tensor.ones(x.shape), padding, 0);
    return ops.div(averages, ops.avgPool2d(inside, kernel, options));
  });
}

/** alpha · A' B' + beta · C, where ' may transpose. `linear` where it is one, else its parts. */
function gemm(call: Call): Tensor {
  const a = call.flag('transA') ? ops.transpose(call.input(0), 0, 1) : call.input(0);
  const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)];
  const c = call.optional(2);
  const outputs = call.input(1).shape[call.flag('transB') ? 0 : 1]!;
  const isBias = c === undefined || (c.shape.length === 1 && c.shape[0] === outputs);
  if (alpha === 1 && beta === 1 && isBias) {
    const weight = call.flag('transB') ? call.input(1) : ops.transpose(call.input(1), 0, 1);
    return ops.linear(a, weight, c === undefined ? {} : { bias: c });
  }
  const b = call.flag('transB') ? ops.transpose(call.input(1), 0, 1) : call.input(1);
  const product = ops.mul(ops.matmul(a, b), alpha);
  return c === undefined ? product : ops.add(product, ops.mul(c, beta));
}

function batchNorm(call: Call): Tensor | (Tensor | undefined)[] {
  const [x, weight, bias, mean, variance] = [0, 1, 2, 3, 4].map((index) => call.input(index)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const eps = call.float('epsilon', 1e-5);
  const training = call.opset < 7 ? !call.flag('is_test') : call.flag('training_mode');
  if (!training) return ops.batchNorm(x, { mean, variance, weight, bias, eps });

  // With momentum 1 the running statistics are the batch's own. Their variance is unbiased (PyTorch) and ONNX wants
  // the biased one, mixed in with a momentum that counts the other way round.
  const batch = ops.batchNorm(x, { mean, variance, weight, bias, eps, training: true, momentum: 1 });
  const keep = call.float('momentum', 0.9);
  const count = x.shape.reduce((product, size) => product * size, 1) / x.shape[1]!;
  const mix = (running: Tensor, own: Tensor, scale: number): Tensor =>
    ops.add(ops.mul(running, keep), ops.mul(own, (1 - keep) * scale));
  return [batch.output, mix(mean, batch.mean, 1), mix(variance, batch.variance, (count - 1) / count)];
}

function layerNorm(call: Call): (Tensor | undefined)[] {
  const x = call.input(0);
  const rank = x.shape.length;
  const axis = call.axis(call.integer('axis', -1));
  const eps = call.float('epsilon', 1e-5);
  const bias = call.optional(2);
  const output = ops.layerNorm(x, x.shape.slice(axis), {
    weight: call.input(1),
    eps,
    ...(bias === undefined ? {} : { bias }),
  });
  const dims = range(rank).slice(axis);
  const mean = call.wants(1) ? ops.mean(x, dims, { keepDims: true }) : undefined;
  const deviation = call.wants(2)
    ? ops.rsqrt(ops.add(ops.variance(x, dims, { keepDims: true, correction: 0 }), eps))
    : undefined;
  return [output, mean, deviation];
}

/** Softmax along `axis`; before operator set 13, over everything from `axis` on as one row. */
const softmax =
  (row: (x: Tensor, dim: number) => Tensor) =>
  (call: Call): Tensor => {
    const x = call.input(0);
    if (call.opset >= 13) return row(x, call.axis(call.integer('axis', -1)));
    return ops.reshape(row(flatten(x, call.axis(call.integer('axis', 1))), 1), x.shape);
  };

/** [all axes before `axis`, all others] */
export function flatten(x: Tensor, axis: number): Tensor {
  const product = (sizes: readonly number[]) => sizes.reduce((total, size) => total * size, 1);
  return ops.reshape(x, [product(x.shape.slice(0, axis)), product(x.shape.slice(axis))]);
}

/** 1 at the first greatest element of each row, 0 elsewhere. */
function hardmaxRow(x: Tensor, dim: number): Tensor {
  const size = x.shape[dim]!;
  const places = ops.reshape(
    Tensor.arange(0, size, 1, { dtype: 'i64' }),
    x.shape.map((_, axis) => (axis === dim ? size : 1)),
  );
  return ops.convert(ops.eq(places, ops.argmax(x, dim, { keepDims: true })), x.dtype);
}

export const networks: OperatorTable = {
  Conv: convolution,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: (call) => throughTwoDimensions(call.input(0), (x) => ops.adaptiveAvgPool2d(x, [1, 1])),
  GlobalMaxPool: (call) => throughTwoDimensions(call.input(0), (x) => ops.adaptiveMaxPool2d(x, [1, 1])),
  Gemm: gemm,
  MatMul: (call) => ops.matmul(call.input(0), call.input(1)),
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  // Each channel of each image by itself: groups of one channel.
  InstanceNormalization: (call) => {
    const x = call.input(0);
    return ops.groupNorm(x, x.shape[1]!, {
      weight: call.input(1),
      bias: call.input(2),
      eps: call.float('epsilon', 1e-5),
    });
  },
  MeanVarianceNormalization: (call) => {
    const x = call.input(0);
    const dims = call.integers('axes', [0, 2, 3]);
    const centred = ops.sub(x, ops.mean(x, dims, { keepDims: true }));
    const deviation = ops.sqrt(ops.variance(x, dims, { keepDims: true, correction: 0 }));
    return ops.div(centred, ops.add(deviation, 1e-9));
  },
  Softmax: softmax((x, dim) => ops.softmax(x, dim)),
  LogSoftmax: softmax((x, dim) => ops.logSoftmax(x, dim)),
  Hardmax: softmax(hardmaxRow),
  Flatten: (call) => flatten(call.input(0), call.axis(call.integer('axis', 1))),
};
