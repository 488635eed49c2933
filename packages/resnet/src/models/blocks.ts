// The two residual blocks of "Deep Residual Learning for Image Recognition" (He et al. 2015, arXiv:1512.03385),
// with torchvision's names and arithmetic.

import { ArgumentError } from '@fusor/errors';
import { BatchNorm2d, Conv2d, init, Module, type Sequential } from '@fusor/layers';
import { scope, type Tensor } from '@fusor/native';

/** What a network tells each of its blocks. */
export interface BlockOptions {
  /** Of the block's spatial convolution, and of `downsample`. Default 1. */
  readonly stride?: number;
  /** Brings the input to the shape of the output where the two differ: a strided 1×1 convolution and a norm. */
  readonly downsample?: Sequential | undefined;
  /** Groups of the 3×3 convolution of a bottleneck. Default 1. */
  readonly groups?: number;
  /** Channels per group of that convolution, for a block of 64 channels. Default 64. */
  readonly widthPerGroup?: number;
  /** Dilation of that convolution. Default 1. */
  readonly dilation?: number;
}

/** A block as `ResNet` uses it. */
export interface ResidualBlock extends Module {
  forward(x: Tensor): Tensor;
  /** The norm right before the addition, which `zeroInitResidual` sets to zero. */
  readonly lastNorm: BatchNorm2d;
}

/** The class of a block: `BasicBlock`, `Bottleneck`, or one of your own. */
export interface ResidualBlockClass {
  /** The block puts out `channels * expansion` channels. */
  readonly expansion: number;
  new (inputChannels: number, channels: number, options?: BlockOptions): ResidualBlock;
}

/**
 * First weights of every convolution, as in torchvision's ResNets: normal with variance 2 / fan-out, which keeps the
 * size of gradients through ReLUs (He et al. 2015, arXiv:1502.01852, section 2.2).
 */
export const heNormal: init.Initializer = (shape) =>
  init.kaimingNormal(shape, { mode: 'fanOut', nonlinearity: 'relu' });

/** A 3×3 convolution that keeps the size at stride 1, without a bias, because a norm follows. */
export function conv3x3(input: number, output: number, stride = 1, groups = 1, dilation = 1): Conv2d {
  const spatial = { stride, padding: dilation, groups, dilation };
  return new Conv2d(input, output, 3, { ...spatial, bias: false, weightInit: heNormal });
}

/** A 1×1 convolution without a bias. */
export function conv1x1(input: number, output: number, stride = 1): Conv2d {
  return new Conv2d(input, output, 1, { stride, bias: false, weightInit: heNormal });
}

// Blocks run in a scope of their own, so that an eager network's intermediate results are freed block by block, and the
// next block's find memory that is still in the caches.

/** Two 3×3 convolutions: `relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut)`. The block of ResNet-18 and -34. */
export class BasicBlock extends Module implements ResidualBlock {
  static readonly expansion = 1;

  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly downsample: Sequential | undefined;

  constructor(inputChannels: number, channels: number, options: BlockOptions = {}) {
    super();
    const { stride = 1, downsample, groups = 1, widthPerGroup = 64, dilation = 1 } = options;
    if (groups !== 1 || widthPerGroup !== 64) {
      throw new ArgumentError(
        `BasicBlock: has one group of width 64 only, got groups = ${groups}, widthPerGroup = ${widthPerGroup}; ` +
          'Bottleneck takes others',
      );
    }
    if (dilation !== 1) throw new ArgumentError(`BasicBlock: cannot be dilated, got dilation = ${dilation}`);
    this.conv1 = conv3x3(inputChannels, channels, stride);
    this.bn1 = new BatchNorm2d(channels, { activation: 'relu' });
    this.conv2 = conv3x3(channels, channels);
    this.bn2 = new BatchNorm2d(channels, { activation: 'relu' });
    this.downsample = downsample;
  }

  get lastNorm(): BatchNorm2d {
    return this.bn2;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const shortcut = this.downsample === undefined ? x : this.downsample.forward(x);
      const inner = this.bn1.forward(this.conv1.forward(x));
      return this.bn2.forward(this.conv2.forward(inner), shortcut);
    });
  }
}

/**
 * 1×1 to narrow, 3×3, 1×1 to widen fourfold. The block of ResNet-50 and deeper. The stride sits in the 3×3
 * (version 1.5, half a point more accurate than the paper's stride in the first 1×1), as in torchvision.
 */
export class Bottleneck extends Module implements ResidualBlock {
  static readonly expansion = 4;

  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly conv3: Conv2d;
  readonly bn3: BatchNorm2d;
  readonly downsample: Sequential | undefined;

  constructor(inputChannels: number, channels: number, options: BlockOptions = {}) {
    super();
    const { stride = 1, downsample, groups = 1, widthPerGroup = 64, dilation = 1 } = options;
    const width = Math.trunc(channels * (widthPerGroup / 64)) * groups;
    const outputChannels = channels * Bottleneck.expansion;
    this.conv1 = conv1x1(inputChannels, width);
    this.bn1 = new BatchNorm2d(width, { activation: 'relu' });
    this.conv2 = conv3x3(width, width, stride, groups, dilation);
    this.bn2 = new BatchNorm2d(width, { activation: 'relu' });
    this.conv3 = conv1x1(width, outputChannels);
    this.bn3 = new BatchNorm2d(outputChannels, { activation: 'relu' });
    this.downsample = downsample;
  }

  get lastNorm(): BatchNorm2d {
    return this.bn3;
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      const shortcut = this.downsample === undefined ? x : this.downsample.forward(x);
      const narrow = this.bn1.forward(this.conv1.forward(x));
      const inner = this.bn2.forward(this.conv2.forward(narrow));
      return this.bn3.forward(this.conv3.forward(inner), shortcut);
    });
  }
}
