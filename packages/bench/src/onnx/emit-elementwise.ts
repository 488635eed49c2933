import type { DType } from '@fusor/native';
import { type Emit, type Emitters, finishGelu, finishGeluTanh } from './emit-network.ts';
import { type Emitter, onnxTypeCode } from './emitter.ts';

/** Functions that ONNX has under one name, with the attributes that mean the same as here. */
const direct: Readonly<Record<string, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  erf: 'Erf',
  exp: 'Exp',
  log: 'Log',
  sqrt: 'Sqrt',
  reciprocal: 'Reciprocal',
  abs: 'Abs',
  neg: 'Neg',
  sign: 'Sign',
  floor: 'Floor',
  ceil: 'Ceil',
  round: 'Round',
  sin: 'Sin',
  cos: 'Cos',
  selu: 'Selu',
  hardSwish: 'HardSwish',
};

const unary: Emit = (node) => {
  const x = node.input(0);
  const name = node.text('function');
  const operator = direct[name];
  if (operator !== undefined) return node.finish(operator, [x]);
  switch (name) {
    case 'gelu':
      return finishGelu(node, x);
    case 'geluTanh':
      return finishGeluTanh(node, x);
    case 'silu':
      return node.finish('Mul', [x, node.emit('Sigmoid', [x])]);
    case 'rsqrt':
      return node.finish('Reciprocal', [node.emit('Sqrt', [x])]);
    case 'square':
      return node.finish('Mul', [x, x]);
    case 'clamp': {
      const [low, high] = [node.number('alpha'), node.number('beta')];
      return node.finish('Clip', [x, node.scalar(node.dtype(0), low), node.scalar(node.dtype(0), high)]);
    }
    case 'leakyRelu':
      return node.finish('LeakyRelu', [x], { alpha: { float: node.number('alpha') } });
    case 'elu':
      return node.finish('Elu', [x], { alpha: { float: node.number('alpha') } });
    case 'softplus':
      return softplus(node, x);
    case 'mish':
      return node.finish('Mul', [x, node.emit('Tanh', [node.emit('Softplus', [x])])]);
    case 'hardSigmoid':
      return node.finish('HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } });
    case 'logicalNot':
      return finishCast(node, node.emit('Not', [node.cast(x, 'bool')]));
    case 'isNaN':
      return finishCast(node, node.emit('IsNaN', [x]));
    default:
      throw node.unsupported(`function ${name}`);
  }
};

/** log(1 + exp(αx)) / α; above the threshold ONNX has no straight line, and the curve is within 2⁻²⁸ of it there. */
function softplus(node: Emitter, x: string): void {
  const alpha = node.number('alpha');
  if (alpha === 1) {
    node.finish('Softplus', [x]);
    return;
  }
  const scaled = node.emit('Softplus', [node.emit('Mul', [x, node.floats(alpha)])]);
  node.finish('Div', [scaled, node.floats(alpha)]);
}

/** Truth values are bool in ONNX and u8 here. */
function finishCast(node: Emitter, value: string, to: DType = node.outputDType()): void {
  node.finish('Cast', [value], { to: { int: onnxTypeCode[to] } });
}

const arithmetic: Readonly<Record<string, string>> = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Mul',
  div: 'Div',
  pow: 'Pow',
};

const comparison: Readonly<Record<string, string>> = {
  equal: 'Equal',
  less: 'Less',
  lessEqual: 'LessOrEqual',
  greater: 'Greater',
  greaterEqual: 'GreaterOrEqual',
};

const binary: Emit = (node) => {
  const [a, b] = [node.input(0), node.input(1)];
  const name = node.text('function');
  if (arithmetic[name] !== undefined) return node.finish(arithmetic[name], [a, b]);
  if (comparison[name] !== undefined) return finishCast(node, node.emit(comparison[name], [a, b]));
  const isFloat = node.dtype(0) === 'f32';
  switch (name) {
    case 'notEqual':
      return finishCast(node, node.emit('Not', [node.emit('Equal', [a, b])]));
    case 'maximum':
      return node.finish('Max', [a, b]);
    case 'minimum':
      return node.finish('Min', [a, b]);
    case 'floorDivide': {
      if (isFloat) return node.finish('Floor', [node.emit('Div', [a, b])]);
      // Integers divide towards zero in ONNX; without the remainder there is nothing left to round.
      const multiple = node.emit('Sub', [a, node.emit('Mod', [a, b])]);
      return node.finish('Div', [multiple, b]);
    }
    case 'remainder': {
      if (!isFloat) return node.finish('Mod', [a, b]);
      const quotient = node.emit('Floor', [node.emit('Div', [a, b])]);
      return node.finish('Sub', [a, node.emit('Mul', [quotient, b])]);
    }
    case 'logicalAnd':
    case 'logicalOr': {
      const operator = name === 'logicalAnd' ? 'And' : 'Or';
      return finishCast(node, node.emit(operator, [node.cast(a, 'bool'), node.cast(b, 'bool')]));
    }
    default:
      throw node.unsupported(`function ${name}`);
  }
};

const softmax: Emit = (node) =>
  node.finish(node.flag('log') ? 'LogSoftmax' : 'Softmax', [node.input(0)], {
    axis: { int: node.number('dim') },
  });

const reduce: Emit = (node) => {
  const name = node.text('function');
  const dims = node.numbers('dims');
  const keep = { int: node.flag('keepDims') ? 1 : 0 };
  // Sums and products of small integers are i64 here.
  const wide =
    node.outputDType() === node.dtype(0) ? node.input(0) : node.cast(node.input(0), node.outputDType());
  switch (name) {
    case 'sum':
      return node.finish('ReduceSum', [wide, node.integers(dims)], { keepdims: keep });
    case 'mean':
    case 'max':
    case 'min':
    case 'prod': {
      const operator = { mean: 'ReduceMean', max: 'ReduceMax', min: 'ReduceMin', prod: 'ReduceProd' }[name];
      return node.finish(operator, [wide], { axes: { ints: dims }, keepdims: keep });
    }
    case 'variance': {
      const x = node.input(0);
      const count = dims.reduce((product, dim) => product * node.shape(0)[dim]!, 1);
      const mean = node.emit('ReduceMean', [x], { axes: { ints: dims }, keepdims: { int: 1 } });
      const deviation = node.emit('Sub', [x, mean]);
      const squares = node.emit('Mul', [deviation, deviation]);
      const sum = node.emit('ReduceSum', [squares, node.integers(dims)], { keepdims: keep });
      return node.finish('Mul', [sum, node.floats(1 / (count - node.number('correction')))]);
    }
    case 'any':
    case 'all': {
      const truth = node.cast(node.cast(node.input(0), 'bool'), 'i32');
      const operator = name === 'any' ? 'ReduceMax' : 'ReduceMin';
      return finishCast(node, node.emit(operator, [truth], { axes: { ints: dims }, keepdims: keep }));
    }
    default:
      throw node.unsupported(`function ${name}`);
  }
};

export const elementwiseOps: Emitters = {
  unary,
  binary,
  where: (node) => node.finish('Where', [node.cast(node.input(0), 'bool'), node.input(1), node.input(2)]),
  convert: (node) => finishCast(node, node.input(0)),
  softmax,
  reduce,
  argReduce: (node) =>
    node.finish(node.flag('least') ? 'ArgMin' : 'ArgMax', [node.input(0)], {
      axis: { int: node.number('dim') },
      keepdims: { int: node.flag('keepDims') ? 1 : 0 },
    }),
  topk: (node) =>
    node.finishAll('TopK', [node.input(0), node.integers([node.number('k')])], {
      axis: { int: node.number('dim') },
      largest: { int: node.flag('largest') ? 1 : 0 },
      sorted: { int: node.flag('sorted') ? 1 : 0 },
    }),
};
