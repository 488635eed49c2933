import { ArgumentError, ShapeError } from '@fusor/errors';
import {
  checkInteger,
  checkOptionalTensor,
  checkOptions,
  checkPair,
  checkTensor,
  showShape,
  wrongType,
} from '../check.ts';
import { dispatchOne } from '../dispatch.ts';
import { withTemporaries } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import type { Activation, Padding2d, Pair } from '../types.ts';
import { type ActivationAttribute, checkActivation } from './activation.ts';
import { reshape, squeeze, unsqueeze } from './movement.ts';

/** Options of {@link conv2d}. */
export interface Conv2dOptions {
  /** `[k]`. */
  readonly bias?: Tensor | null | undefined;
  /** Default 1. */
  readonly stride?: Pair | undefined;
  /** Zeros around the input; default 0. */
  readonly padding?: Padding2d | undefined;
  /** Default 1. */
  readonly dilation?: Pair | undefined;
  /** Default 1; `c` and `k` are multiples of it. */
  readonly groups?: number | undefined;
  /** Added before the activation; the output's shape. */
  readonly residual?: Tensor | null | undefined;
  readonly activation?: Activation | null | undefined;
}

/**
 * `activation(conv(x, weight) + bias + residual)` in one pass.
 *
 * `out[n, k, p, q] = bias[k] + sum over c, r, s of x[n, c, p*stride + r*dilation - padding, ...] * weight[k, c, r, s]`
 * (a cross-correlation, as everywhere), with `p = floor((h + top + bottom - dilation*(r - 1) - 1) / stride) + 1`.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
 *
 * @param x `[n, c, h, w]` or `[c, h, w]`
 * @param weight `[k, c / groups, r, s]`
 * @returns `[n, k, p, q]` or `[k, p, q]`
 */
export function conv2d(x: Tensor, weight: Tensor, options: Conv2dOptions = {}): Tensor {
  const operation = 'conv2d';
  checkTensor(operation, 'x', x);
  checkTensor(operation, 'weight', weight);
  checkOptions(operation, options, [
    'bias',
    'stride',
    'padding',
    'dilation',
    'groups',
    'residual',
    'activation',
  ]);
  const bias = checkOptionalTensor(operation, 'bias', options.bias);
  const residual = checkOptionalTensor(operation, 'residual', options.residual);
  const stride = checkPair(operation, 'stride', options.stride, 1);
  const dilation = checkPair(operation, 'dilation', options.dilation, 1);
  const attributes = {
    stride,
    padding: checkPadding(operation, options.padding, () => samePadding(operation, weight, stride, dilation)),
    dilation,
    groups: checkInteger(operation, 'groups', options.groups ?? 1),
    activation: checkActivation(operation, options.activation),
  };
  if (x.rank !== 3) return dispatchOne('conv2d', [x, weight, bias, residual], attributes);
  return withTemporaries(() => {
    const batched = residual === null ? null : unsqueeze(residual, 0);
    return squeeze(dispatchOne('conv2d', [unsqueeze(x, 0), weight, bias, batched], attributes), 0);
  });
}

/** `[top, bottom, left, right]`. */
export function checkPadding(
  operation: string,
  padding: Padding2d | undefined,
  same: () => number[],
): readonly number[] {
  if (padding === undefined) return [0, 0, 0, 0];
  if (padding === 'same') return same();
  if (typeof padding === 'number' && Number.isSafeInteger(padding))
    return [padding, padding, padding, padding];
  if (Array.isArray(padding) && padding.every((side) => Number.isSafeInteger(side))) {
    const [a, b] = padding as readonly number[];
    if (padding.length === 2) return [a!, a!, b!, b!];
    if (padding.length === 4) return padding;
  }
  throw wrongType(operation, 'padding', "an integer, [h, w], [top, bottom, left, right] or 'same'", padding);
}

function samePadding(
  operation: string,
  weight: Tensor,
  stride: readonly number[],
  dilation: readonly number[],
): number[] {
  if (stride[0] !== 1 || stride[1] !== 1) {
    throw new ArgumentError(`${operation}: padding 'same' needs stride 1, got ${showShape(stride)}`);
  }
  if (weight.rank !== 4) {
    throw new ShapeError(
      `${operation}: weight must be [k, c / groups, r, s], got shape ${showShape(weight.shape)}`,
    );
  }
  const vertical = dilation[0]! * Math.max(weight.shape[2]! - 1, 0);
  const horizontal = dilation[1]! * Math.max(weight.shape[3]! - 1, 0);
  const top = Math.floor(vertical / 2);
  const left = Math.floor(horizontal / 2);
  return [top, vertical - top, left, horizontal - left];
}

/** Options of {@link linear}. */
export interface LinearOptions {
  /** `[o]`. */
  readonly bias?: Tensor | null | undefined;
  /** Added before the activation; the output's shape. */
  readonly residual?: Tensor | null | undefined;
  readonly activation?: Activation | null | undefined;
}

/**
 * `activation(x @ weight^T + bias + residual)` in one pass.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html
 *
 * @param x `[..., i]`
 * @param weight `[o, i]`
 * @returns `[..., o]`
 */
export function linear(x: Tensor, weight: Tensor, options: LinearOptions = {}): Tensor {
  const operation = 'linear';
  checkTensor(operation, 'x', x);
  checkTensor(operation, 'weight', weight);
  checkOptions(operation, options, ['bias', 'residual', 'activation']);
  const bias = checkOptionalTensor(operation, 'bias', options.bias);
  const residual = checkOptionalTensor(operation, 'residual', options.residual);
  const attributes: { activation: ActivationAttribute } = {
    activation: checkActivation(operation, options.activation),
  };
  return dispatchOne('linear', [x, weight, bias, residual], attributes);
}

/**
 * Matrix product, batched over leading dimensions, which broadcast: `[..., m, k] @ [..., k, n]` gives `[..., m, n]`. A
 * rank 1 operand is a row on the left and a column on the right, and that dimension goes away.
 * https://docs.pytorch.org/docs/stable/generated/torch.matmul.html
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkTensor('matmul', 'a', a);
  checkTensor('matmul', 'b', b);
  if (a.rank !== 1 && b.rank !== 1) return dispatchOne('matmul', [a, b], {});
  return withTemporaries(() => {
    const left = a.rank === 1 ? unsqueeze(a, 0) : a;
    const right = b.rank === 1 ? unsqueeze(b, 1) : b;
    const product = dispatchOne('matmul', [left, right], {});
    const shape = [...product.shape];
    if (b.rank === 1) shape.pop();
    if (a.rank === 1) shape.splice(b.rank === 1 ? -1 : -2, 1);
    return reshape(product, shape);
  });
}
