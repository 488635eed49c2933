import type { OpName } from '@fusor/native/trace';
import type { Emitter } from './emitter.ts';

/** How one op of Fusor is written. */
export type Emit = (node: Emitter) => void;

/** The ops that can be written, by name. */
export type Emitters = Readonly<Partial<Record<OpName, Emit>>>;

/** Applies the node's `activation` to `value`; the result is the node's output. */
function finishWithActivation(node: Emitter, value: string): void {
  const activation = node.node.attributes.activation;
  if (activation === undefined || activation === 'none') node.finish('Identity', [value]);
  else if (typeof activation === 'object' && 'clamp' in activation) {
    node.finish('Clip', [value, node.floats(activation.clamp[0]), node.floats(activation.clamp[1])]);
  } else if (activation === 'relu') node.finish('Relu', [value]);
  else if (activation === 'gelu') finishGelu(node, value);
  else if (activation === 'gelu-tanh') finishGeluTanh(node, value);
  else if (activation === 'silu') node.finish('Mul', [value, node.emit('Sigmoid', [value])]);
  else throw node.unsupported(`activation ${JSON.stringify(activation)}`);
}

/** x/2 · (1 + erf(x / √2)), in the order in which onnxruntime recognises it and fuses it into one kernel. */
export function finishGelu(node: Emitter, x: string): void {
  const erf = node.emit('Erf', [node.emit('Div', [x, node.floats(Math.SQRT2)])]);
  const product = node.emit('Mul', [x, node.emit('Add', [erf, node.floats(1)])]);
  node.finish('Mul', [product, node.floats(0.5)]);
}

/** x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) */
export function finishGeluTanh(node: Emitter, x: string): void {
  const cube = node.emit('Mul', [node.emit('Mul', [x, x]), x]);
  const inner = node.emit('Add', [x, node.emit('Mul', [cube, node.floats(0.044715)])]);
  const tanh = node.emit('Tanh', [node.emit('Mul', [inner, node.floats(Math.sqrt(2 / Math.PI))])]);
  const product = node.emit('Mul', [x, node.emit('Add', [tanh, node.floats(1)])]);
  node.finish('Mul', [product, node.floats(0.5)]);
}

/**
 * Whether nothing follows the product itself. Then it makes the node's output directly: an Identity behind it would be
 * removed by every reader, but a file that looks as people expect is easier to read.
 */
function isBare(node: Emitter, residual: number): boolean {
  const activation = node.node.attributes.activation;
  return !node.has(residual) && (activation === undefined || activation === 'none');
}

/** activation(value + residual) */
function finishEpilogue(node: Emitter, value: string, residual: number): void {
  finishWithActivation(node, node.has(residual) ? node.emit('Add', [value, node.input(residual)]) : value);
}

function windowAttributes(node: Emitter) {
  const [top, bottom, left, right] = node.numbers('padding') as [number, number, number, number];
  return { strides: { ints: node.numbers('stride') }, pads: { ints: [top, left, bottom, right] } };
}

const conv2d: Emit = (node) => {
  const inputs = [node.input(0), node.input(1), ...(node.has(2) ? [node.input(2)] : [])];
  const attributes = {
    ...windowAttributes(node),
    kernel_shape: { ints: node.shape(1).slice(2) },
    dilations: { ints: node.numbers('dilation') },
    group: { int: node.number('groups') },
  };
  if (isBare(node, 3)) node.finish('Conv', inputs, attributes);
  else finishEpilogue(node, node.emit('Conv', inputs, attributes), 3);
};

const linear: Emit = (node) => {
  const bias = node.has(2) ? [node.input(2)] : [];
  if (node.shape(0).length === 2) {
    const inputs = [node.input(0), node.input(1), ...bias];
    if (isBare(node, 3)) node.finish('Gemm', inputs, { transB: { int: 1 } });
    else finishEpilogue(node, node.emit('Gemm', inputs, { transB: { int: 1 } }), 3);
    return;
  }
  const weight = node.emit('Transpose', [node.input(1)], { perm: { ints: [1, 0] } });
  const product = node.emit('MatMul', [node.input(0), weight]);
  finishEpilogue(node, bias.length === 0 ? product : node.emit('Add', [product, ...bias]), 3);
};

/** A weight of ones or a bias of zeros where the node has none: ONNX's normalizations want both. */
function orConstant(node: Emitter, index: number, length: number, filler: number): string {
  return node.has(index) ? node.input(index) : node.floats(Array<number>(length).fill(filler));
}

const batchNorm: Emit = (node) => {
  const channels = node.shape(0)[1]!;
  const inputs = [
    node.input(0),
    orConstant(node, 3, channels, 1),
    orConstant(node, 4, channels, 0),
    node.input(1),
    node.input(2),
  ];
  const attributes = { epsilon: { float: node.number('epsilon') } };
  if (isBare(node, 5)) node.finish('BatchNormalization', inputs, attributes);
  else finishEpilogue(node, node.emit('BatchNormalization', inputs, attributes), 5);
};

/** Layer-norm of `x` with the weight at input `weight` and the bias behind it; makes output `output`. */
function finishLayerNorm(node: Emitter, x: string, weight: number, output: number): void {
  const rank = node.number('normalizedRank');
  const sizes = node.shape(0).slice(-rank);
  const count = sizes.reduce((product, size) => product * size, 1);
  const scale = node.has(weight) ? node.input(weight) : node.floats(Array<number>(count).fill(1), sizes);
  const bias = node.has(weight + 1) ? [node.input(weight + 1)] : [];
  node.finish(
    'LayerNormalization',
    [x, scale, ...bias],
    { axis: { int: -rank }, epsilon: { float: node.number('epsilon') } },
    output,
  );
}

/** x / √(mean(x²) + ε) · weight; operator set 17 has no node for it. */
const rmsNorm: Emit = (node) => {
  const axes = Array.from({ length: node.number('normalizedRank') }, (_, index) => -1 - index);
  const squares = node.emit('Mul', [node.input(0), node.input(0)]);
  const mean = node.emit('ReduceMean', [squares], { axes: { ints: axes }, keepdims: { int: 1 } });
  const root = node.emit('Sqrt', [node.emit('Add', [mean, node.floats(node.number('epsilon'))])]);
  if (!node.has(1)) return node.finish('Div', [node.input(0), root]);
  node.finish('Mul', [node.emit('Div', [node.input(0), root]), node.input(1)]);
};

/** Groups of channels as the channels of an InstanceNormalization, then weight and bias per channel. */
const groupNorm: Emit = (node) => {
  const shape = node.shape(0);
  const groups = node.number('groups');
  const ones = node.floats(Array<number>(groups).fill(1));
  const zeros = node.floats(Array<number>(groups).fill(0));
  const grouped = node.emit('Reshape', [node.input(0), node.integers([shape[0]!, groups, -1])]);
  const normalized = node.emit('InstanceNormalization', [grouped, ones, zeros], {
    epsilon: { float: node.number('epsilon') },
  });
  const perChannel = node.integers([shape[1]!, ...Array<number>(shape.length - 2).fill(1)]);
  let value = node.emit('Reshape', [normalized, node.integers(shape)]);
  if (node.has(1)) value = node.emit('Mul', [value, node.emit('Reshape', [node.input(1), perChannel])]);
  if (node.has(2)) value = node.emit('Add', [value, node.emit('Reshape', [node.input(2), perChannel])]);
  node.finish('Identity', [value]);
};

const residualAdd: Emit = (node) => {
  const inputs = [node.input(0), node.input(1)];
  if (isBare(node, 2)) node.finish('Add', inputs);
  else finishWithActivation(node, node.emit('Add', inputs));
};

const maxPool2d: Emit = (node) =>
  node.finish('MaxPool', [node.input(0)], {
    ...windowAttributes(node),
    kernel_shape: { ints: node.numbers('kernel') },
    dilations: { ints: node.numbers('dilation') },
    ceil_mode: { int: node.flag('ceilMode') ? 1 : 0 },
  });

const avgPool2d: Emit = (node) =>
  node.finish('AveragePool', [node.input(0)], {
    ...windowAttributes(node),
    kernel_shape: { ints: node.numbers('kernel') },
    ceil_mode: { int: node.flag('ceilMode') ? 1 : 0 },
    count_include_pad: { int: node.flag('countIncludePad') ? 1 : 0 },
  });

/** Kernel and stride with which ordinary pooling does the same: only where the sizes divide. */
function evenBins(node: Emitter): { kernel: readonly number[] } | undefined {
  const size = node.shape(0).slice(-2);
  const bins = node.numbers('outputSize');
  if (size.some((length, axis) => length % bins[axis]! !== 0)) return undefined;
  return { kernel: size.map((length, axis) => length / bins[axis]!) };
}

const isGlobal = (node: Emitter): boolean => node.numbers('outputSize').every((size) => size === 1);

const adaptiveAvgPool2d: Emit = (node) => {
  if (isGlobal(node)) return node.finish('GlobalAveragePool', [node.input(0)]);
  const even = evenBins(node);
  if (even !== undefined) {
    return node.finish('AveragePool', [node.input(0)], {
      kernel_shape: { ints: even.kernel },
      strides: { ints: even.kernel },
    });
  }
  // Averages over bins of unequal size are products with a matrix per axis: rows · x · columnsᵀ.
  const [h, w] = node.shape(0).slice(-2) as [number, number];
  const [p, q] = node.numbers('outputSize') as [number, number];
  const rows = node.floats(averagingMatrix(h, p), [p, h]);
  const columns = node.emit('Transpose', [node.floats(averagingMatrix(w, q), [q, w])], {
    perm: { ints: [1, 0] },
  });
  node.finish('MatMul', [node.emit('MatMul', [rows, node.input(0)]), columns]);
};

/** Row i averages ⌊i · size / bins⌋ to ⌈(i + 1) · size / bins⌉. */
function averagingMatrix(size: number, bins: number): number[] {
  const matrix = Array<number>(bins * size).fill(0);
  for (let bin = 0; bin < bins; ++bin) {
    const begin = Math.floor((bin * size) / bins);
    const end = Math.ceil(((bin + 1) * size) / bins);
    matrix.fill(1 / (end - begin), bin * size + begin, bin * size + end);
  }
  return matrix;
}

const adaptiveMaxPool2d: Emit = (node) => {
  if (isGlobal(node)) return node.finish('GlobalMaxPool', [node.input(0)]);
  const even = evenBins(node);
  if (even === undefined) throw node.unsupported('adaptive max-pooling into bins of unequal size');
  node.finish('MaxPool', [node.input(0)], {
    kernel_shape: { ints: even.kernel },
    strides: { ints: even.kernel },
  });
};

export const networkOps: Emitters = {
  conv2d,
  linear,
  matmul: (node) => node.finish('MatMul', [node.input(0), node.input(1)]),
  batchNorm,
  layerNorm: (node) => finishLayerNorm(node, node.input(0), 1, 0),
  addLayerNorm: (node) => {
    node.finish('Add', [node.input(0), node.input(1)]);
    finishLayerNorm(node, node.output(0), 2, 1);
  },
  rmsNorm,
  groupNorm,
  residualAdd,
  maxPool2d,
  avgPool2d,
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
};
