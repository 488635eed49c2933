import { ArgumentError } from '@fusor/errors';
import { ops, type Pair, type Shape, scope, type Tensor } from '@fusor/native';
import { checkInteger, checkPair, differing, repr } from '../arguments.ts';
import { biasInit, kaimingUniformRoot5 } from '../init/default.ts';
import type { Initializer } from '../init/index.ts';
import { Module } from '../module/module.ts';
import { rankError } from './rank.ts';

/** What lies beyond the edge: zeros, the mirrored image, or the edge itself. */
export type PaddingMode = 'zeros' | 'reflect' | 'replicate';

/** Options that convolutions of any rank share; the defaults are PyTorch's. */
export interface ConvolutionOptions {
  /** Channels are split into this many groups that do not see each other; default 1. */
  readonly groups?: number;
  /** Whether a bias is added; default `true`. */
  readonly bias?: boolean;
  /** Default `'zeros'`. */
  readonly paddingMode?: PaddingMode;
  /** Makes the first weight; default Kaiming uniform with a = √5, PyTorch's. */
  readonly weightInit?: Initializer;
}

/** Options of {@link Conv2d}. */
export interface Conv2dOptions extends ConvolutionOptions {
  /** Default 1. */
  readonly stride?: Pair;
  /** For both sides of height and width, or `'same'`: output as large as the input (stride 1 only). Default 0. */
  readonly padding?: Pair | 'same';
  /** Distance between the elements of the kernel; default 1. */
  readonly dilation?: Pair;
}

/** Options of {@link Conv1d}. */
export interface Conv1dOptions extends ConvolutionOptions {
  /** Default 1. */
  readonly stride?: number;
  /** For both sides, or `'same'`: output as long as the input (stride 1 only). Default 0. */
  readonly padding?: number | 'same';
  /** Default 1. */
  readonly dilation?: number;
}

/** What convolutions of any rank hold. */
abstract class Convolution extends Module {
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  weight: Tensor;
  bias: Tensor | null;

  constructor(inputChannels: number, outputChannels: number, kernel: Shape, options: ConvolutionOptions) {
    super();
    const layer = this.constructor.name;
    const { groups = 1, paddingMode = 'zeros', bias = true, weightInit = kaimingUniformRoot5 } = options;
    this.inputChannels = checkInteger(layer, 'inputChannels', inputChannels);
    this.outputChannels = checkInteger(layer, 'outputChannels', outputChannels);
    this.groups = checkInteger(layer, 'groups', groups);
    if (inputChannels % groups !== 0 || outputChannels % groups !== 0) {
      throw new ArgumentError(
        `${layer}: inputChannels (${inputChannels}) and outputChannels (${outputChannels}) must be divisible by ` +
          `groups (${groups})`,
      );
    }
    if (paddingMode !== 'zeros' && paddingMode !== 'reflect' && paddingMode !== 'replicate') {
      throw new ArgumentError(
        `${layer}: paddingMode must be 'zeros', 'reflect' or 'replicate', got ${String(paddingMode)}`,
      );
    }
    this.paddingMode = paddingMode;
    const fanIn = kernel.reduce((product, size) => product * size, inputChannels / groups);
    this.weight = weightInit([outputChannels, inputChannels / groups, ...kernel]);
    this.bias = bias ? biasInit([outputChannels], fanIn) : null;
  }

  protected repr(geometry: object, defaults: object): string {
    const options = { groups: this.groups, bias: this.bias !== null, paddingMode: this.paddingMode };
    const silent = { ...defaults, groups: 1, bias: true, paddingMode: 'zeros' };
    return repr([this.inputChannels, this.outputChannels], differing({ ...geometry, ...options }, silent));
  }

  protected checkSame(padding: unknown, strides: Shape): void {
    if (padding === 'same' && strides.some((stride) => stride !== 1)) {
      throw new ArgumentError(
        `${this.constructor.name}: padding 'same' needs stride 1, got [${strides.join(', ')}]`,
      );
    }
  }

  /** The convolution of an image (or of a row, as an image of height 1) after padding it as the mode says. */
  protected convolve(x: Tensor, weight: Tensor, geometry: Geometry): Tensor {
    const { bias, groups, paddingMode } = this;
    const { stride, dilation, padding } = geometry;
    if (paddingMode === 'zeros') return ops.conv2d(x, weight, { bias, groups, stride, dilation, padding });
    const [top, bottom, left, right] = sides(weight.shape, geometry);
    const padded = ops.pad(x, [left, right, top, bottom], { mode: paddingMode });
    const result = ops.conv2d(padded, weight, { bias, groups, stride, dilation });
    padded.dispose();
    return result;
  }
}

interface Geometry {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [number, number] | 'same';
}

/** Padding of the four sides; of an odd `'same'` the greater half goes to the bottom and right, as in PyTorch. */
function sides(weight: Shape, { padding, dilation }: Geometry): [number, number, number, number] {
  if (padding !== 'same') return [padding[0], padding[0], padding[1], padding[1]];
  const [vertical, horizontal] = [dilation[0] * (weight[2]! - 1), dilation[1] * (weight[3]! - 1)];
  const [top, left] = [Math.floor(vertical / 2), Math.floor(horizontal / 2)];
  return [top, vertical - top, left, horizontal - left];
}

/**
 * 2d convolution (as everywhere a cross-correlation):
 * y[n, k, p, q] = bias[k] + Σ x[n, c, p·stride + r·dilation − padding, q·stride + s·dilation − padding] · w[k, c, r, s].
 *
 * x [n, c, h, w] or [c, h, w]; weight [outputChannels, inputChannels / groups, kernel height, kernel width]; sizes of
 * the output ⌊(size + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1. Weight and bias start uniform in ±1/√fanIn.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 */
export class Conv2d extends Convolution {
  readonly kernelSize: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number] | 'same';
  readonly dilation: readonly [number, number];

  constructor(inputChannels: number, outputChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    const kernel = checkPair('Conv2d', 'kernelSize', kernelSize);
    super(inputChannels, outputChannels, kernel, options);
    const { stride = 1, padding = 0, dilation = 1 } = options;
    this.kernelSize = kernel;
    this.stride = checkPair('Conv2d', 'stride', stride);
    this.dilation = checkPair('Conv2d', 'dilation', dilation);
    this.padding = padding === 'same' ? padding : checkPair('Conv2d', 'padding', padding, 0);
    this.checkSame(padding, this.stride);
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation } = this;
    return this.repr({ kernelSize, stride, padding, dilation }, { padding: [0, 0], dilation: [1, 1] });
  }

  override forward(x: Tensor): Tensor {
    return this.convolve(x, this.weight, this);
  }
}

/**
 * 1d convolution: x [n, c, l] or [c, l]; weight [outputChannels, inputChannels / groups, kernel]. Otherwise as
 * {@link Conv2d}; computed as a 2d convolution of height 1.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 */
export class Conv1d extends Convolution {
  readonly kernelSize: number;
  readonly stride: number;
  readonly padding: number | 'same';
  readonly dilation: number;

  constructor(
    inputChannels: number,
    outputChannels: number,
    kernelSize: number,
    options: Conv1dOptions = {},
  ) {
    checkInteger('Conv1d', 'kernelSize', kernelSize);
    super(inputChannels, outputChannels, [kernelSize], options);
    const { stride = 1, padding = 0, dilation = 1 } = options;
    this.kernelSize = kernelSize;
    this.stride = checkInteger('Conv1d', 'stride', stride);
    this.dilation = checkInteger('Conv1d', 'dilation', dilation);
    this.padding = padding === 'same' ? padding : checkInteger('Conv1d', 'padding', padding, 0);
    this.checkSame(padding, [stride]);
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation } = this;
    return this.repr({ kernelSize, stride, padding, dilation }, { padding: 0, dilation: 1 });
  }

  override forward(x: Tensor): Tensor {
    if (x.rank !== 2 && x.rank !== 3) throw rankError('Conv1d', '[n, c, l] or [c, l]', x);
    const padding = this.padding === 'same' ? this.padding : ([0, this.padding] as const);
    const geometry: Geometry = { stride: [1, this.stride], dilation: [1, this.dilation], padding };
    return scope(() => {
      const row = this.convolve(ops.unsqueeze(x, -2), ops.unsqueeze(this.weight, -2), geometry);
      return ops.squeeze(row, -2);
    });
  }
}
