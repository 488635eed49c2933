import {
  checkBoolean,
  checkDim,
  checkDims,
  checkInteger,
  checkNumber,
  checkOptions,
  checkTensor,
} from '../check.ts';
import { dispatch, dispatchOne } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { withTemporaries } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import type { Dims } from '../types.ts';
import { reshape } from './movement.ts';
import { inDType } from './promotion.ts';

/** Options of the reductions. */
export interface ReduceOptions {
  /** Leaves reduced dimensions in place with size 1; default false. */
  readonly keepDims?: boolean | undefined;
}

type ReduceFunction = 'sum' | 'mean' | 'max' | 'min' | 'prod' | 'variance' | 'any' | 'all';

function reduce(
  name: ReduceFunction,
  x: Tensor,
  dims: Dims | undefined,
  options: ReduceOptions,
  more: { correction?: number } = {},
): Tensor {
  checkTensor(name, 'x', x);
  const attributes = {
    function: name,
    dims: checkDims(name, dims, x.rank),
    keepDims: checkBoolean(name, 'keepDims', options.keepDims ?? false),
    ...more,
  };
  return dispatchOne('reduce', [x], attributes);
}

/**
 * The sum over dimensions (default: all). Integers of 32 bits and less sum to i64.
 * https://docs.pytorch.org/docs/stable/generated/torch.sum.html
 */
export function sum(x: Tensor, dims?: Dims, options: ReduceOptions = {}): Tensor {
  checkOptions('sum', options, ['keepDims']);
  return reduce('sum', x, dims, options);
}

/** The mean over dimensions (default: all), of floats. https://docs.pytorch.org/docs/stable/generated/torch.mean.html */
export function mean(x: Tensor, dims?: Dims, options: ReduceOptions = {}): Tensor {
  checkOptions('mean', options, ['keepDims']);
  return reduce('mean', x, dims, options);
}

/** The greatest element, NaN if there is one: torch.amax. https://docs.pytorch.org/docs/stable/generated/torch.amax.html */
export function max(x: Tensor, dims?: Dims, options: ReduceOptions = {}): Tensor {
  checkOptions('max', options, ['keepDims']);
  return reduce('max', x, dims, options);
}

/** The least element, NaN if there is one: torch.amin. https://docs.pytorch.org/docs/stable/generated/torch.amin.html */
export function min(x: Tensor, dims?: Dims, options: ReduceOptions = {}): Tensor {
  checkOptions('min', options, ['keepDims']);
  return reduce('min', x, dims, options);
}

/** The product over dimensions (default: all). https://docs.pytorch.org/docs/stable/generated/torch.prod.html */
export function prod(x: Tensor, dims?: Dims, options: ReduceOptions = {}): Tensor {
  checkOptions('prod', options, ['keepDims']);
  return reduce('prod', x, dims, options);
}

/**
 * `sum((x - mean)^2) / (count - correction)` over dimensions (default: all); the correction is 1 by default.
 * https://docs.pytorch.org/docs/stable/generated/torch.var.html
 */
export function variance(
  x: Tensor,
  dims?: Dims,
  options: ReduceOptions & { readonly correction?: number | undefined } = {},
): Tensor {
  checkOptions('variance', options, ['keepDims', 'correction']);
  return reduce('variance', x, dims, options, {
    correction: checkNumber('variance', 'correction', options.correction ?? 1),
  });
}

/** 1 if any element is not 0, as u8. https://docs.pytorch.org/docs/stable/generated/torch.any.html */
export function any(x: Tensor, dims?: Dims, options: ReduceOptions = {}): Tensor {
  checkOptions('any', options, ['keepDims']);
  return reduce('any', x, dims, options);
}

/** 1 if no element is 0, as u8. https://docs.pytorch.org/docs/stable/generated/torch.all.html */
export function all(x: Tensor, dims?: Dims, options: ReduceOptions = {}): Tensor {
  checkOptions('all', options, ['keepDims']);
  return reduce('all', x, dims, options);
}

function argReduce(
  name: 'argmax' | 'argmin',
  x: Tensor,
  dim: number | undefined,
  options: ReduceOptions,
): Tensor {
  checkTensor(name, 'x', x);
  checkOptions(name, options, ['keepDims']);
  const keepDims = checkBoolean(name, 'keepDims', options.keepDims ?? false);
  const least = name === 'argmin';
  if (dim !== undefined && x.rank > 0) {
    return dispatchOne('argReduce', [x], { dim: checkDim(name, 'dim', dim, x.rank), least, keepDims });
  }
  if (dim !== undefined) checkDim(name, 'dim', dim, x.rank);
  // Over all elements: as one row.
  return withTemporaries(() => {
    const index = dispatchOne('argReduce', [reshape(x, [-1])], { dim: 0, least, keepDims: false });
    return keepDims
      ? reshape(
          index,
          x.shape.map(() => 1),
        )
      : index;
  });
}

/**
 * The i64 index of the greatest element along `dim`, the first of equals, a NaN before all numbers; without `dim` the
 * index into the flattened tensor. https://docs.pytorch.org/docs/stable/generated/torch.argmax.html
 */
export function argmax(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor {
  return argReduce('argmax', x, dim, options);
}

/** As {@link argmax}, of the least element. https://docs.pytorch.org/docs/stable/generated/torch.argmin.html */
export function argmin(x: Tensor, dim?: number, options: ReduceOptions = {}): Tensor {
  return argReduce('argmin', x, dim, options);
}

/** Options of {@link topk}. */
export interface TopkOptions {
  /** Default -1. */
  readonly dim?: number | undefined;
  /** Default true; false gives the least. */
  readonly largest?: boolean | undefined;
  /** Default true: in order; equal elements by index. */
  readonly sorted?: boolean | undefined;
}

/**
 * The `k` greatest elements along a dimension, and their i64 indices.
 * https://docs.pytorch.org/docs/stable/generated/torch.topk.html
 */
export function topk(
  x: Tensor,
  k: number,
  options: TopkOptions = {},
): { readonly values: Tensor; readonly indices: Tensor } {
  checkTensor('topk', 'x', x);
  checkOptions('topk', options, ['dim', 'largest', 'sorted']);
  const [values, indices] = dispatch('topk', [x], {
    k: checkInteger('topk', 'k', k),
    dim: checkDim('topk', 'dim', options.dim ?? -1, x.rank),
    largest: checkBoolean('topk', 'largest', options.largest ?? true),
    sorted: checkBoolean('topk', 'sorted', options.sorted ?? true),
  });
  return { values: values!, indices: indices! };
}

function softmaxOf(name: 'softmax' | 'logSoftmax', x: Tensor, dim: number): Tensor {
  checkTensor(name, 'x', x);
  const attributes = { dim: checkDim(name, 'dim', dim, x.rank), log: name === 'logSoftmax' };
  if (isFloat(x.dtype)) return dispatchOne('softmax', [x], attributes);
  return withTemporaries(() => dispatchOne('softmax', [inDType(x, 'f32')], attributes));
}

/** `exp(x) / sum(exp(x))` along a dimension. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html */
export function softmax(x: Tensor, dim = -1): Tensor {
  return softmaxOf('softmax', x, dim);
}

/** `log(softmax(x))`, computed without overflow. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html */
export function logSoftmax(x: Tensor, dim = -1): Tensor {
  return softmaxOf('logSoftmax', x, dim);
}
