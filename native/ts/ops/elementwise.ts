import { ArgumentError } from '@fusor/errors';
import { checkNumber, checkOptions, checkTensor, wrongType } from '../check.ts';
import { dispatchOne } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { withTemporaries } from '../scope.ts';
import { isTensor, retain, type Tensor } from '../tensor.ts';
import type { Activation, DType } from '../types.ts';
import { checkActivation } from './activation.ts';
import { asTensor, deviceOfOperands, inDType, type Operand, resultType } from './promotion.ts';

// ---- two operands, which broadcast -----------------------------------------------------------------------------------

type BinaryFunction =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'floorDivide'
  | 'remainder'
  | 'pow'
  | 'maximum'
  | 'minimum'
  | 'equal'
  | 'notEqual'
  | 'less'
  | 'lessEqual'
  | 'greater'
  | 'greaterEqual'
  | 'logicalAnd'
  | 'logicalOr';

function binary(name: BinaryFunction, a: Operand, b: Operand): Tensor {
  let dtype = resultType(name, a, b);
  if (name === 'div' && !isFloat(dtype)) dtype = 'f32';
  const attributes = { function: name };
  if (isTensor(a) && isTensor(b) && a.dtype === dtype && b.dtype === dtype) {
    return dispatchOne('binary', [a, b], attributes);
  }
  const device = deviceOfOperands(a, b);
  return withTemporaries(() =>
    dispatchOne('binary', [asTensor(name, a, dtype, device), asTensor(name, b, dtype, device)], attributes),
  );
}

/**
 * `a + b`. As for all of this kind: shapes broadcast, dtypes are promoted (u8, i32, i64, f16/bf16, f32; a number takes the
 * tensor's dtype). https://docs.pytorch.org/docs/stable/generated/torch.add.html
 */
export function add(a: Operand, b: Operand): Tensor {
  return binary('add', a, b);
}

/** `a - b`, broadcasting. https://docs.pytorch.org/docs/stable/generated/torch.sub.html */
export function sub(a: Operand, b: Operand): Tensor {
  return binary('sub', a, b);
}

/** `a * b`, broadcasting. https://docs.pytorch.org/docs/stable/generated/torch.mul.html */
export function mul(a: Operand, b: Operand): Tensor {
  return binary('mul', a, b);
}

/** `a / b`, broadcasting; integers give f32. https://docs.pytorch.org/docs/stable/generated/torch.div.html */
export function div(a: Operand, b: Operand): Tensor {
  return binary('div', a, b);
}

/** `floor(a / b)`, broadcasting. https://docs.pytorch.org/docs/stable/generated/torch.floor_divide.html */
export function floorDivide(a: Operand, b: Operand): Tensor {
  return binary('floorDivide', a, b);
}

/** `a - b * floor(a / b)`: has the sign of `b`, as in Python. https://docs.pytorch.org/docs/stable/generated/torch.remainder.html */
export function remainder(a: Operand, b: Operand): Tensor {
  return binary('remainder', a, b);
}

/** `a` to the power of `b`, broadcasting. https://docs.pytorch.org/docs/stable/generated/torch.pow.html */
export function pow(a: Operand, b: Operand): Tensor {
  return binary('pow', a, b);
}

/** The greater of two, NaN if either is. https://docs.pytorch.org/docs/stable/generated/torch.maximum.html */
export function maximum(a: Operand, b: Operand): Tensor {
  return binary('maximum', a, b);
}

/** The lesser of two, NaN if either is. https://docs.pytorch.org/docs/stable/generated/torch.minimum.html */
export function minimum(a: Operand, b: Operand): Tensor {
  return binary('minimum', a, b);
}

/** `a == b` as u8. https://docs.pytorch.org/docs/stable/generated/torch.eq.html */
export function eq(a: Operand, b: Operand): Tensor {
  return binary('equal', a, b);
}

/** `a != b` as u8. https://docs.pytorch.org/docs/stable/generated/torch.ne.html */
export function ne(a: Operand, b: Operand): Tensor {
  return binary('notEqual', a, b);
}

/** `a < b` as u8. https://docs.pytorch.org/docs/stable/generated/torch.lt.html */
export function lt(a: Operand, b: Operand): Tensor {
  return binary('less', a, b);
}

/** `a <= b` as u8. https://docs.pytorch.org/docs/stable/generated/torch.le.html */
export function le(a: Operand, b: Operand): Tensor {
  return binary('lessEqual', a, b);
}

/** `a > b` as u8. https://docs.pytorch.org/docs/stable/generated/torch.gt.html */
export function gt(a: Operand, b: Operand): Tensor {
  return binary('greater', a, b);
}

/** `a >= b` as u8. https://docs.pytorch.org/docs/stable/generated/torch.ge.html */
export function ge(a: Operand, b: Operand): Tensor {
  return binary('greaterEqual', a, b);
}

/** 1 where both are not 0, else 0, as u8. https://docs.pytorch.org/docs/stable/generated/torch.logical_and.html */
export function logicalAnd(a: Operand, b: Operand): Tensor {
  return binary('logicalAnd', a, b);
}

/** 1 where one is not 0, else 0, as u8. https://docs.pytorch.org/docs/stable/generated/torch.logical_or.html */
export function logicalOr(a: Operand, b: Operand): Tensor {
  return binary('logicalOr', a, b);
}

/**
 * `a` where `condition` (u8) is not 0, else `b`; all three broadcast, `a` and `b` are promoted.
 * https://docs.pytorch.org/docs/stable/generated/torch.where.html
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  checkTensor('where', 'condition', condition);
  const device = condition.device;
  let dtype: DType;
  if (!isTensor(a) && !isTensor(b)) {
    checkNumber('where', 'a', a);
    checkNumber('where', 'b', b);
    dtype = 'f32';
  } else {
    dtype = resultType('where', a, b);
  }
  return withTemporaries(() =>
    dispatchOne(
      'where',
      [condition, asTensor('where', a, dtype, device), asTensor('where', b, dtype, device)],
      {},
    ),
  );
}

// ---- residual addition -----------------------------------------------------------------------------------------------

/**
 * `activation(x + residual)` in one pass; both of one shape. Where shapes must broadcast, use {@link add}.
 */
export function residualAdd(
  x: Tensor,
  residual: Tensor,
  options: { readonly activation?: Activation | null | undefined } = {},
): Tensor {
  checkTensor('residualAdd', 'x', x);
  checkTensor('residualAdd', 'residual', residual);
  checkOptions('residualAdd', options, ['activation']);
  return dispatchOne('residualAdd', [x, residual], {
    activation: checkActivation('residualAdd', options.activation),
  });
}

// ---- one operand -----------------------------------------------------------------------------------------------------

type UnaryFunction =
  | 'relu'
  | 'gelu'
  | 'geluTanh'
  | 'silu'
  | 'sigmoid'
  | 'tanh'
  | 'erf'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'rsqrt'
  | 'reciprocal'
  | 'abs'
  | 'neg'
  | 'square'
  | 'sign'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'sin'
  | 'cos'
  | 'clamp'
  | 'leakyRelu'
  | 'elu'
  | 'selu'
  | 'softplus'
  | 'mish'
  | 'hardSigmoid'
  | 'hardSwish'
  | 'logicalNot'
  | 'isNaN';

// These give integers for integers; all others compute integers in f32, as PyTorch does.
const keepIntegers: ReadonlySet<UnaryFunction> = new Set([
  'relu',
  'abs',
  'neg',
  'square',
  'sign',
  'logicalNot',
]);
// These leave integers as they are.
const roundings: ReadonlySet<UnaryFunction> = new Set(['floor', 'ceil', 'round']);

function unary(name: UnaryFunction, x: Tensor, parameters: { alpha?: number; beta?: number } = {}): Tensor {
  checkTensor(name, 'x', x);
  const attributes = { function: name, ...parameters };
  if (isFloat(x.dtype) || keepIntegers.has(name)) return dispatchOne('unary', [x], attributes);
  if (roundings.has(name)) return retain(x);
  return withTemporaries(() => dispatchOne('unary', [inDType(x, 'f32')], attributes));
}

/** `max(x, 0)`; NaN stays NaN. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.relu.html */
export function relu(x: Tensor): Tensor {
  return unary('relu', x);
}

/**
 * `x * Phi(x)`, Phi the normal distribution function; with `approximate: 'tanh'`
 * `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.gelu.html
 */
export function gelu(
  x: Tensor,
  options: { readonly approximate?: 'none' | 'tanh' | undefined } = {},
): Tensor {
  checkOptions('gelu', options, ['approximate']);
  const { approximate = 'none' } = options;
  if (approximate !== 'none' && approximate !== 'tanh') {
    throw wrongType('gelu', 'approximate', "'none' or 'tanh'", approximate);
  }
  return unary(approximate === 'tanh' ? 'geluTanh' : 'gelu', x);
}

/** `x * sigmoid(x)`. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.silu.html */
export function silu(x: Tensor): Tensor {
  return unary('silu', x);
}

/** `1 / (1 + exp(-x))`. https://docs.pytorch.org/docs/stable/generated/torch.sigmoid.html */
export function sigmoid(x: Tensor): Tensor {
  return unary('sigmoid', x);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.tanh.html */
export function tanh(x: Tensor): Tensor {
  return unary('tanh', x);
}

/** The error function. https://docs.pytorch.org/docs/stable/special.html#torch.special.erf */
export function erf(x: Tensor): Tensor {
  return unary('erf', x);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.exp.html */
export function exp(x: Tensor): Tensor {
  return unary('exp', x);
}

/** The natural logarithm. https://docs.pytorch.org/docs/stable/generated/torch.log.html */
export function log(x: Tensor): Tensor {
  return unary('log', x);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.sqrt.html */
export function sqrt(x: Tensor): Tensor {
  return unary('sqrt', x);
}

/** `1 / sqrt(x)`. https://docs.pytorch.org/docs/stable/generated/torch.rsqrt.html */
export function rsqrt(x: Tensor): Tensor {
  return unary('rsqrt', x);
}

/** `1 / x`. https://docs.pytorch.org/docs/stable/generated/torch.reciprocal.html */
export function reciprocal(x: Tensor): Tensor {
  return unary('reciprocal', x);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.abs.html */
export function abs(x: Tensor): Tensor {
  return unary('abs', x);
}

/** `-x`. https://docs.pytorch.org/docs/stable/generated/torch.neg.html */
export function neg(x: Tensor): Tensor {
  return unary('neg', x);
}

/** `x * x`. https://docs.pytorch.org/docs/stable/generated/torch.square.html */
export function square(x: Tensor): Tensor {
  return unary('square', x);
}

/** -1, 0 or 1. https://docs.pytorch.org/docs/stable/generated/torch.sign.html */
export function sign(x: Tensor): Tensor {
  return unary('sign', x);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.floor.html */
export function floor(x: Tensor): Tensor {
  return unary('floor', x);
}

/** https://docs.pytorch.org/docs/stable/generated/torch.ceil.html */
export function ceil(x: Tensor): Tensor {
  return unary('ceil', x);
}

/** To the nearest integer, halves to the even one. https://docs.pytorch.org/docs/stable/generated/torch.round.html */
export function round(x: Tensor): Tensor {
  return unary('round', x);
}

/** Of radians. https://docs.pytorch.org/docs/stable/generated/torch.sin.html */
export function sin(x: Tensor): Tensor {
  return unary('sin', x);
}

/** Of radians. https://docs.pytorch.org/docs/stable/generated/torch.cos.html */
export function cos(x: Tensor): Tensor {
  return unary('cos', x);
}

/**
 * `min(max(x, low), high)`; an infinite bound is none. Fractional bounds make integers f32.
 * https://docs.pytorch.org/docs/stable/generated/torch.clamp.html
 */
export function clamp(x: Tensor, low: number, high: number = Number.POSITIVE_INFINITY): Tensor {
  checkTensor('clamp', 'x', x);
  checkNumber('clamp', 'low', low);
  checkNumber('clamp', 'high', high);
  const fractional = (bound: number) => Number.isFinite(bound) && !Number.isInteger(bound);
  if (isFloat(x.dtype) || fractional(low) || fractional(high))
    return unary('clamp', x, { alpha: low, beta: high });
  return withTemporaries(() => {
    const raised = low === Number.NEGATIVE_INFINITY ? x : maximum(x, low);
    const result = high === Number.POSITIVE_INFINITY ? raised : minimum(raised, high);
    return result === x ? retain(x) : result;
  });
}

/** `x` above 0, `negativeSlope * x` below. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.leaky_relu.html */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return unary('leakyRelu', x, { alpha: checkNumber('leakyRelu', 'negativeSlope', negativeSlope) });
}

/** `x` above 0, `alpha * (exp(x) - 1)` below. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.elu.html */
export function elu(x: Tensor, alpha = 1): Tensor {
  return unary('elu', x, { alpha: checkNumber('elu', 'alpha', alpha) });
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.selu.html */
export function selu(x: Tensor): Tensor {
  return unary('selu', x);
}

/**
 * `log(1 + exp(beta * x)) / beta`; `x` itself where `beta * x > threshold`.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softplus.html
 */
export function softplus(
  x: Tensor,
  options: { readonly beta?: number | undefined; readonly threshold?: number | undefined } = {},
): Tensor {
  checkOptions('softplus', options, ['beta', 'threshold']);
  const beta = checkNumber('softplus', 'beta', options.beta ?? 1);
  if (beta === 0) throw new ArgumentError('softplus: beta must not be 0');
  return unary('softplus', x, {
    alpha: beta,
    beta: checkNumber('softplus', 'threshold', options.threshold ?? 20),
  });
}

/** `x * tanh(softplus(x))`. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mish.html */
export function mish(x: Tensor): Tensor {
  return unary('mish', x);
}

/** `clamp(x / 6 + 1 / 2, 0, 1)`. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardsigmoid.html */
export function hardSigmoid(x: Tensor): Tensor {
  return unary('hardSigmoid', x);
}

/** `x * hardSigmoid(x)`. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.hardswish.html */
export function hardSwish(x: Tensor): Tensor {
  return unary('hardSwish', x);
}

/** 1 where `x` is 0, else 0, as u8. https://docs.pytorch.org/docs/stable/generated/torch.logical_not.html */
export function logicalNot(x: Tensor): Tensor {
  return unary('logicalNot', x);
}

/** 1 where `x` is NaN, else 0, as u8. https://docs.pytorch.org/docs/stable/generated/torch.isnan.html */
export function isNotANumber(x: Tensor): Tensor {
  return unary('isNaN', x);
}

/** `x` in another dtype: see `Tensor.to`. */
export function convert(x: Tensor, dtype: DType): Tensor {
  return checkTensor('convert', 'x', x).to(dtype);
}
