import { ArgumentError } from '@fusor/errors';
import { checkBoolean, checkInteger, checkOptions, checkPair, checkTensor, wrongType } from '../check.ts';
import { dispatchOne } from '../dispatch.ts';
import type { OpName } from '../graph.ts';
import { withTemporaries } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import type { Padding2d, Pair } from '../types.ts';
import { checkPadding } from './convolution.ts';
import { squeeze, unsqueeze } from './movement.ts';

/** Options of {@link maxPool2d}. */
export interface MaxPool2dOptions {
  /** Default: the kernel. */
  readonly stride?: Pair | undefined;
  /** At most half the kernel; never wins. Default 0. */
  readonly padding?: Exclude<Padding2d, 'same'> | undefined;
  /** Default 1. */
  readonly dilation?: Pair | undefined;
  /** A window that starts inside but ends outside counts too; default false. */
  readonly ceilMode?: boolean | undefined;
}

/** Options of {@link avgPool2d}. */
export interface AvgPool2dOptions {
  /** Default: the kernel. */
  readonly stride?: Pair | undefined;
  /** At most half the kernel; zeros. Default 0. */
  readonly padding?: Exclude<Padding2d, 'same'> | undefined;
  readonly ceilMode?: boolean | undefined;
  /** Whether padding counts in the divisor; default true. */
  readonly countIncludePad?: boolean | undefined;
}

const noSame = (operation: string) => () => {
  throw new ArgumentError(`${operation}: padding 'same' is for convolutions only`);
};

/** Runs a pooling on `[n, c, h, w]`, or on `[c, h, w]` as a batch of one. */
function pool(op: OpName, x: Tensor, attributes: Parameters<typeof dispatchOne>[2]): Tensor {
  if (x.rank !== 3) return dispatchOne(op, [x], attributes);
  return withTemporaries(() => squeeze(dispatchOne(op, [unsqueeze(x, 0)], attributes), 0));
}

/**
 * The greatest element of each window; NaN if there is one.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
 *
 * @param x `[n, c, h, w]` or `[c, h, w]`
 */
export function maxPool2d(x: Tensor, kernel: Pair, options: MaxPool2dOptions = {}): Tensor {
  const operation = 'maxPool2d';
  checkTensor(operation, 'x', x);
  checkOptions(operation, options, ['stride', 'padding', 'dilation', 'ceilMode']);
  const window = requirePair(operation, 'kernel', kernel);
  return pool('maxPool2d', x, {
    kernel: window,
    stride: checkPair(operation, 'stride', options.stride ?? window, 1),
    padding: checkPadding(operation, options.padding, noSame(operation)),
    dilation: checkPair(operation, 'dilation', options.dilation, 1),
    ceilMode: checkBoolean(operation, 'ceilMode', options.ceilMode ?? false),
    countIncludePad: true,
  });
}

/**
 * The mean of each window.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
 *
 * @param x `[n, c, h, w]` or `[c, h, w]`
 */
export function avgPool2d(x: Tensor, kernel: Pair, options: AvgPool2dOptions = {}): Tensor {
  const operation = 'avgPool2d';
  checkTensor(operation, 'x', x);
  checkOptions(operation, options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
  const window = requirePair(operation, 'kernel', kernel);
  return pool('avgPool2d', x, {
    kernel: window,
    stride: checkPair(operation, 'stride', options.stride ?? window, 1),
    padding: checkPadding(operation, options.padding, noSame(operation)),
    dilation: [1, 1],
    ceilMode: checkBoolean(operation, 'ceilMode', options.ceilMode ?? false),
    countIncludePad: checkBoolean(operation, 'countIncludePad', options.countIncludePad ?? true),
  });
}

/** Output sizes of an adaptive pooling; null leaves a size as it is. */
export type AdaptiveSize = number | readonly [height: number | null, width: number | null];

function outputSize(operation: string, x: Tensor, size: AdaptiveSize): [number, number] {
  const [height, width] =
    typeof size === 'number' ? [size, size] : Array.isArray(size) && size.length === 2 ? size : [];
  if (height === undefined || width === undefined) {
    throw wrongType(operation, 'size', 'an integer or [height, width]', size);
  }
  return [
    checkInteger(operation, 'size', height ?? x.shape.at(-2)),
    checkInteger(operation, 'size', width ?? x.shape.at(-1)),
  ];
}

/**
 * Means of windows chosen so that the output has the given size: window `i` of `o` covers `floor(i h / o)` to
 * `ceil((i + 1) h / o)`. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html
 *
 * @param x `[n, c, h, w]` or `[c, h, w]`
 */
export function adaptiveAvgPool2d(x: Tensor, size: AdaptiveSize): Tensor {
  checkTensor('adaptiveAvgPool2d', 'x', x);
  return pool('adaptiveAvgPool2d', x, { outputSize: outputSize('adaptiveAvgPool2d', x, size) });
}

/** As {@link adaptiveAvgPool2d}, with the greatest elements. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool2d.html */
export function adaptiveMaxPool2d(x: Tensor, size: AdaptiveSize): Tensor {
  checkTensor('adaptiveMaxPool2d', 'x', x);
  return pool('adaptiveMaxPool2d', x, { outputSize: outputSize('adaptiveMaxPool2d', x, size) });
}

/** The mean of each channel: `[n, c, h, w]` gives `[n, c, 1, 1]`. */
export function globalAvgPool2d(x: Tensor): Tensor {
  checkTensor('globalAvgPool2d', 'x', x);
  return pool('adaptiveAvgPool2d', x, { outputSize: [1, 1] });
}

/** The greatest element of each channel: `[n, c, h, w]` gives `[n, c, 1, 1]`. */
export function globalMaxPool2d(x: Tensor): Tensor {
  checkTensor('globalMaxPool2d', 'x', x);
  return pool('adaptiveMaxPool2d', x, { outputSize: [1, 1] });
}

// ---- one dimension: as images of one row ------------------------------------------------------------------------------

/** Options of {@link maxPool1d}: those of {@link maxPool2d} with single numbers. */
export interface MaxPool1dOptions {
  readonly stride?: number | undefined;
  readonly padding?: number | undefined;
  readonly dilation?: number | undefined;
  readonly ceilMode?: boolean | undefined;
}

/** Options of {@link avgPool1d}: those of {@link avgPool2d} with single numbers. */
export interface AvgPool1dOptions {
  readonly stride?: number | undefined;
  readonly padding?: number | undefined;
  readonly ceilMode?: boolean | undefined;
  readonly countIncludePad?: boolean | undefined;
}

/** `[..., l]` as `[..., 1, l]`, pooled, and back. */
function asRow(x: Tensor, pool2d: (row: Tensor) => Tensor): Tensor {
  return withTemporaries(() => squeeze(pool2d(unsqueeze(x, -2)), -2));
}

/**
 * The greatest element of each window of `[n, c, l]` or `[c, l]`.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool1d.html
 */
export function maxPool1d(x: Tensor, kernel: number, options: MaxPool1dOptions = {}): Tensor {
  const operation = 'maxPool1d';
  checkTensor(operation, 'x', x);
  checkOptions(operation, options, ['stride', 'padding', 'dilation', 'ceilMode']);
  const length = checkInteger(operation, 'kernel', kernel);
  const padding = checkInteger(operation, 'padding', options.padding ?? 0);
  return asRow(x, (row) =>
    maxPool2d(row, [1, length], {
      stride: [1, checkInteger(operation, 'stride', options.stride ?? length)],
      padding: [0, padding],
      dilation: [1, checkInteger(operation, 'dilation', options.dilation ?? 1)],
      ceilMode: options.ceilMode,
    }),
  );
}

/**
 * The mean of each window of `[n, c, l]` or `[c, l]`.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool1d.html
 */
export function avgPool1d(x: Tensor, kernel: number, options: AvgPool1dOptions = {}): Tensor {
  const operation = 'avgPool1d';
  checkTensor(operation, 'x', x);
  checkOptions(operation, options, ['stride', 'padding', 'ceilMode', 'countIncludePad']);
  const length = checkInteger(operation, 'kernel', kernel);
  const padding = checkInteger(operation, 'padding', options.padding ?? 0);
  return asRow(x, (row) =>
    avgPool2d(row, [1, length], {
      stride: [1, checkInteger(operation, 'stride', options.stride ?? length)],
      padding: [0, padding],
      ceilMode: options.ceilMode,
      countIncludePad: options.countIncludePad,
    }),
  );
}

/** `[n, c, l]` to `[n, c, size]`. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool1d.html */
export function adaptiveAvgPool1d(x: Tensor, size: number): Tensor {
  checkTensor('adaptiveAvgPool1d', 'x', x);
  return asRow(x, (row) => adaptiveAvgPool2d(row, [1, checkInteger('adaptiveAvgPool1d', 'size', size)]));
}

/** `[n, c, l]` to `[n, c, size]`. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_max_pool1d.html */
export function adaptiveMaxPool1d(x: Tensor, size: number): Tensor {
  checkTensor('adaptiveMaxPool1d', 'x', x);
  return asRow(x, (row) => adaptiveMaxPool2d(row, [1, checkInteger('adaptiveMaxPool1d', 'size', size)]));
}

function requirePair(operation: string, argument: string, value: Pair): [number, number] {
  if (value === undefined) throw wrongType(operation, argument, 'an integer or [height, width]', value);
  return checkPair(operation, argument, value, 1);
}
