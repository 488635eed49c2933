import { ops, type Pair, type Tensor } from '@fusor/native';
import { checkInteger, checkPair, repr } from '../arguments.ts';
import { Module } from '../module/module.ts';

/** Options of max pooling; the defaults are PyTorch's. */
export interface MaxPoolOptions<Size> {
  /** Default: the kernel. */
  readonly stride?: Size;
  /** For both sides, at most half the kernel; never wins. Default 0. */
  readonly padding?: Size;
  /** Default 1. */
  readonly dilation?: Size;
  /** Whether windows that begin inside and end outside count; default `false`. */
  readonly ceilMode?: boolean;
}

/** Options of average pooling; the defaults are PyTorch's. */
export interface AvgPoolOptions<Size> {
  /** Default: the kernel. */
  readonly stride?: Size;
  /** For both sides, at most half the kernel; zeros. Default 0. */
  readonly padding?: Size;
  /** Whether windows that begin inside and end outside count; default `false`. */
  readonly ceilMode?: boolean;
  /** Whether padding counts in the divisor; default `true`. */
  readonly countIncludePad?: boolean;
}

/**
 * The greatest element of each window of x [n, c, h, w] or [c, h, w]; NaN if there is one in it. Sizes of the output
 * ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1, or ⌈⌉ with ceilMode.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d extends Module {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly ceilMode: boolean;

  constructor(kernelSize: Pair, options: MaxPoolOptions<Pair> = {}) {
    super();
    this.kernelSize = checkPair('MaxPool2d', 'kernelSize', kernelSize);
    this.stride = checkPair('MaxPool2d', 'stride', options.stride ?? kernelSize);
    this.padding = checkPair('MaxPool2d', 'padding', options.padding ?? 0, 0);
    this.dilation = checkPair('MaxPool2d', 'dilation', options.dilation ?? 1);
    this.ceilMode = options.ceilMode ?? false;
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return repr([], { kernelSize, stride, padding, dilation, ceilMode });
  }

  override forward(x: Tensor): Tensor {
    return ops.maxPool2d(x, this.kernelSize, geometryOfMax(this));
  }
}

/**
 * {@link MaxPool2d} of x [n, c, l] or [c, l].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool1d.html
 */
export class MaxPool1d extends Module {
  readonly kernelSize: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
  readonly ceilMode: boolean;

  constructor(kernelSize: number, options: MaxPoolOptions<number> = {}) {
    super();
    this.kernelSize = checkInteger('MaxPool1d', 'kernelSize', kernelSize);
    this.stride = checkInteger('MaxPool1d', 'stride', options.stride ?? kernelSize);
    this.padding = checkInteger('MaxPool1d', 'padding', options.padding ?? 0, 0);
    this.dilation = checkInteger('MaxPool1d', 'dilation', options.dilation ?? 1);
    this.ceilMode = options.ceilMode ?? false;
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return repr([], { kernelSize, stride, padding, dilation, ceilMode });
  }

  override forward(x: Tensor): Tensor {
    return ops.maxPool1d(x, this.kernelSize, geometryOfMax(this));
  }
}

/**
 * The mean of each window of x [n, c, h, w] or [c, h, w]. Sizes of the output ⌊(size + 2·padding − kernel) / stride⌋ + 1,
 * or ⌈⌉ with ceilMode.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
 */
export class AvgPool2d extends Module {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(kernelSize: Pair, options: AvgPoolOptions<Pair> = {}) {
    super();
    this.kernelSize = checkPair('AvgPool2d', 'kernelSize', kernelSize);
    this.stride = checkPair('AvgPool2d', 'stride', options.stride ?? kernelSize);
    this.padding = checkPair('AvgPool2d', 'padding', options.padding ?? 0, 0);
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return repr([], { kernelSize, stride, padding, ceilMode, countIncludePad });
  }

  override forward(x: Tensor): Tensor {
    return ops.avgPool2d(x, this.kernelSize, geometryOfAvg(this));
  }
}

/**
 * {@link AvgPool2d} of x [n, c, l] or [c, l].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool1d.html
 */
export class AvgPool1d extends Module {
  readonly kernelSize: number;
  readonly stride: number;
  readonly padding: number;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;

  constructor(kernelSize: number, options: AvgPoolOptions<number> = {}) {
    super();
    this.kernelSize = checkInteger('AvgPool1d', 'kernelSize', kernelSize);
    this.stride = checkInteger('AvgPool1d', 'stride', options.stride ?? kernelSize);
    this.padding = checkInteger('AvgPool1d', 'padding', options.padding ?? 0, 0);
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return repr([], { kernelSize, stride, padding, ceilMode, countIncludePad });
  }

  override forward(x: Tensor): Tensor {
    return ops.avgPool1d(x, this.kernelSize, geometryOfAvg(this));
  }
}

/** What an operation takes of a layer's fields. */
function geometryOfMax<Size>({
  stride,
  padding,
  dilation,
  ceilMode,
}: Required<MaxPoolOptions<Size>>): Required<MaxPoolOptions<Size>> {
  return { stride, padding, dilation, ceilMode };
}

function geometryOfAvg<Size>({
  stride,
  padding,
  ceilMode,
  countIncludePad,
}: Required<AvgPoolOptions<Size>>): Required<AvgPoolOptions<Size>> {
  return { stride, padding, ceilMode, countIncludePad };
}
