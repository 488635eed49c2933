import { ops, Tensor } from '@fusor/native';
import type { Call, OperatorTable } from '../call.ts';
import { fusorDType, Refusal } from '../values.ts';
import { dataTypeOf } from './shared.ts';

/** `f(x)`, one element at a time. */
const unary =
  (f: (x: Tensor, call: Call) => Tensor) =>
  (call: Call): Tensor =>
    f(call.input(0), call);

/** `f(a, b)` with broadcasting. */
const binary =
  (f: (a: Tensor, b: Tensor, call: Call) => Tensor) =>
  (call: Call): Tensor =>
    f(call.input(0), alignOldBroadcast(call), call);

/** `f` folded over any number of inputs. */
const variadic =
  (f: (a: Tensor, b: Tensor) => Tensor) =>
  (call: Call): Tensor =>
    call.inputs.slice(1).reduce<Tensor>((sum, x) => f(sum, x!), call.input(0));

/**
 * Before operator set 7 the second operand was laid along the first from `axis` on, not from the end: sizes of 1 behind
 * it make that the broadcasting of today.
 */
function alignOldBroadcast(call: Call): Tensor {
  const [a, b] = [call.input(0), call.input(1)];
  const axis = call.integer('axis');
  if (call.opset >= 7 || !call.flag('broadcast') || axis === undefined) return b;
  const behind = a.shape.length - call.axis(axis) - b.shape.length;
  return ops.reshape(b, [...b.shape, ...Array<number>(behind).fill(1)]);
}

const isInteger = (x: Tensor): boolean => x.dtype === 'i32' || x.dtype === 'i64' || x.dtype === 'u8';

/** ONNX divides integers towards zero, `floorDivide` downwards: divide the magnitudes and put the sign back. */
function divide(a: Tensor, b: Tensor): Tensor {
  if (!isInteger(a)) return ops.div(a, b);
  if (a.dtype === 'u8') return ops.floorDivide(a, b);
  return ops.mul(ops.floorDivide(ops.abs(a), ops.abs(b)), ops.mul(ops.sign(a), ops.sign(b)));
}

/** The remainder with the sign of the divisor (Python) or, with `fmod`, of the dividend (C). */
function modulo(a: Tensor, b: Tensor, call: Call): Tensor {
  if (!call.flag('fmod')) return ops.remainder(a, b);
  return ops.mul(ops.remainder(ops.abs(a), ops.abs(b)), ops.sign(a));
}

/** The result has the base's type, whatever type the exponent has. */
function power(base: Tensor, exponent: Tensor): Tensor {
  return ops.convert(ops.pow(base, exponent), base.dtype);
}

function clip(call: Call): Tensor {
  const x = call.input(0);
  const low = call.float('min') ?? call.optional(1);
  const high = call.float('max') ?? call.optional(2);
  const raised = low === undefined ? x : ops.maximum(x, low);
  return high === undefined ? raised : ops.minimum(raised, high);
}

/** `x` where it is above `threshold`, else 0. */
function thresholdedRelu(x: Tensor, call: Call): Tensor {
  return ops.where(ops.gt(x, call.float('alpha', 1)), x, 0);
}

/** Moves both tails towards zero by `bias` and clears what lies between. */
function shrink(x: Tensor, call: Call): Tensor {
  const lambda = call.float('lambd', 0.5);
  const bias = call.float('bias', 0);
  const above = ops.where(ops.gt(x, lambda), ops.sub(x, bias), 0);
  return ops.where(ops.lt(x, -lambda), ops.add(x, bias), above);
}

function isInfinite(x: Tensor, call: Call): Tensor {
  const positive = ops.eq(x, Number.POSITIVE_INFINITY);
  const negative = ops.eq(x, Number.NEGATIVE_INFINITY);
  if (!call.flag('detect_negative', true)) return positive;
  return call.flag('detect_positive', true) ? ops.logicalOr(positive, negative) : negative;
}

function hyperbolic(x: Tensor, sign: 1 | -1): Tensor {
  const sum = ops.add(ops.exp(x), ops.mul(ops.exp(ops.neg(x)), sign));
  return ops.mul(sum, 0.5);
}

function cast(x: Tensor, call: Call): Tensor {
  return ops.convert(x, fusorDType(dataTypeOf(call.integer('to', 0))));
}

/** Before operator set 7 a list of slopes went along the channels, since then it broadcasts like everything. */
function parametricRelu(call: Call): Tensor {
  const [x, given] = [call.input(0), call.input(1)];
  const perChannel = call.opset < 7 && given.rank === 1 && given.shape[0] !== 1;
  const slope = perChannel ? ops.reshape(given, [-1, ...Array<number>(x.rank - 2).fill(1)]) : given;
  return ops.where(ops.lt(x, 0), ops.mul(x, slope), x);
}

export const elementwise: OperatorTable = {
  Abs: unary((x) => ops.abs(x)),
  Ceil: unary((x) => ops.ceil(x)),
  Cos: unary((x) => ops.cos(x)),
  Elu: unary((x, call) => ops.elu(x, call.float('alpha', 1))),
  Erf: unary((x) => ops.erf(x)),
  Exp: unary((x) => ops.exp(x)),
  Floor: unary((x) => ops.floor(x)),
  HardSwish: unary((x) => ops.hardSwish(x)),
  Identity: unary((x) => x),
  IsNaN: unary((x) => ops.isNaN(x)),
  LeakyRelu: unary((x, call) => ops.leakyRelu(x, call.float('alpha', 0.01))),
  Log: unary((x) => ops.log(x)),
  Mish: unary((x) => ops.mish(x)),
  Neg: unary((x) => ops.neg(x)),
  Not: unary((x) => ops.logicalNot(x)),
  Reciprocal: unary((x) => ops.reciprocal(x)),
  Relu: unary((x) => ops.relu(x)),
  Round: unary((x) => ops.round(x)),
  Sigmoid: unary((x) => ops.sigmoid(x)),
  Sign: unary((x) => ops.sign(x)),
  Sin: unary((x) => ops.sin(x)),
  Softplus: unary((x) => ops.softplus(x)),
  Sqrt: unary((x) => ops.sqrt(x)),
  Tanh: unary((x) => ops.tanh(x)),

  Gelu: unary((x, call) =>
    call.string('approximate', 'none') === 'tanh' ? ops.gelu(x, { approximate: 'tanh' }) : ops.gelu(x),
  ),
  // alpha and gamma are free in ONNX and constants in PyTorch: gamma * elu(x, alpha) is both.
  Selu: unary((x, call) =>
    call.float('alpha') === undefined && call.float('gamma') === undefined
      ? ops.selu(x)
      : ops.mul(ops.elu(x, call.float('alpha', 1.67326324)), call.float('gamma', 1.05070102)),
  ),
  // clamp(alpha x + beta, 0, 1) with 1/5 and 1/2; PyTorch's has 1/6.
  HardSigmoid: unary((x, call) => {
    const sloped = ops.mul(x, call.float('alpha', 0.2));
    return ops.clamp(ops.add(sloped, call.float('beta', 0.5)), 0, 1);
  }),
  // max(0, x) + min(0, a (exp(x / a) - 1))
  Celu: unary((x, call) => {
    const alpha = call.float('alpha', 1);
    return ops.add(ops.relu(x), ops.minimum(0, ops.elu(ops.mul(x, 1 / alpha), alpha)));
  }),
  Softsign: unary((x) => ops.div(x, ops.add(ops.abs(x), 1))),
  Sinh: unary((x) => hyperbolic(x, -1)),
  Cosh: unary((x) => hyperbolic(x, 1)),
  Tan: unary((x) => ops.div(ops.sin(x), ops.cos(x))),
  IsInf: unary(isInfinite),
  Shrink: unary(shrink),
  ThresholdedRelu: unary(thresholdedRelu),
  Clip: clip,
  Cast: unary(cast),
  CastLike: (call) => ops.convert(call.input(0), call.input(1).dtype),

  Add: binary((a, b) => ops.add(a, b)),
  Sub: binary((a, b) => ops.sub(a, b)),
  Mul: binary((a, b) => ops.mul(a, b)),
  Div: binary(divide),
  Mod: binary(modulo),
  Pow: binary(power),
  PRelu: parametricRelu,
  Equal: binary((a, b) => ops.eq(a, b)),
  Less: binary((a, b) => ops.lt(a, b)),
  LessOrEqual: binary((a, b) => ops.le(a, b)),
  Greater: binary((a, b) => ops.gt(a, b)),
  GreaterOrEqual: binary((a, b) => ops.ge(a, b)),
  And: binary((a, b) => ops.logicalAnd(a, b)),
  Or: binary((a, b) => ops.logicalOr(a, b)),
  Xor: binary((a, b) => ops.ne(a, b)),
  Where: (call) => ops.where(call.input(0), call.input(1), call.input(2)),

  Max: variadic((a, b) => ops.maximum(a, b)),
  Min: variadic((a, b) => ops.minimum(a, b)),
  Sum: variadic((a, b) => ops.add(a, b)),
  Mean: (call) => {
    const sum = variadic((a, b) => ops.add(a, b))(call);
    return ops.mul(sum, 1 / call.inputs.length);
  },

  Dropout: (call) => {
    const training = call.opset < 7 ? !call.flag('is_test') : call.optional(2) !== undefined;
    if (training) throw new Refusal('dropout in training mode (random numbers)');
    const x = call.input(0);
    return call.wants(1) ? [x, Tensor.ones(x.shape, { dtype: 'u8' })] : x;
  },
};
