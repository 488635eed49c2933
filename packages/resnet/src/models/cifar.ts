// The residual networks for CIFAR-10 of He et al. 2015 (arXiv:1512.03385), section 4.2: 3×3 stem, three stages of
// basic blocks with 16, 32 and 64 channels, global average, classifier. Names are those of the checkpoints that
// https://github.com/akamaster/pytorch_resnet_cifar10 publishes.

import { ArgumentError } from '@fusor/errors';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  type Conv2d,
  Flatten,
  Linear,
  Module,
  Sequential,
} from '@fusor/layers';
import { ops, type Tensor } from '@fusor/native';
import { conv3x3 } from './blocks.ts';

/** Options of `cifarResnet20` and its deeper siblings. */
export interface CifarResNetVariantOptions {
  /** Outputs of the classifier. Default 10. */
  readonly numClasses?: number;
}

/** Options of `new CifarResNet`. */
export interface CifarResNetOptions extends CifarResNetVariantOptions {
  /** Blocks in each of the three stages; the network has `6 * blocks + 2` layers with weights. */
  readonly blocks: number;
}

/**
 * A basic block with the paper's option-A shortcut, which has no weights: where the shape changes, every second row
 * and column of the input, with zero channels before and after.
 */
export class CifarBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  readonly stride: number;
  readonly zeroChannels: number;

  constructor(inputChannels: number, channels: number, stride: number) {
    super();
    this.conv1 = conv3x3(inputChannels, channels, stride);
    this.bn1 = new BatchNorm2d(channels, { activation: 'relu' });
    this.conv2 = conv3x3(channels, channels);
    this.bn2 = new BatchNorm2d(channels, { activation: 'relu' });
    this.stride = stride;
    // The channels double, so a quarter of the output is zeros on either side.
    this.zeroChannels = (channels - inputChannels) / 2;
  }

  override forward(x: Tensor): Tensor {
    const inner = this.bn1.forward(this.conv1.forward(x));
    const shortcut = this.#shortcut(x);
    return this.bn2.forward(this.conv2.forward(inner), shortcut);
  }

  #shortcut(x: Tensor): Tensor {
    if (this.stride === 1 && this.zeroChannels === 0) return x;
    const rows = ops.slice(x, 2, 0, undefined, this.stride);
    const pixels = ops.slice(rows, 3, 0, undefined, this.stride);
    return ops.pad(pixels, [0, 0, 0, 0, this.zeroChannels, this.zeroChannels]);
  }
}

/** A residual network on images `[n, 3, 32, 32]`, giving logits `[n, numClasses]`. */
export class CifarResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly flatten: Flatten;
  readonly linear: Linear;

  /** @throws ArgumentError for a count that is no positive whole number. */
  constructor({ blocks, numClasses = 10 }: CifarResNetOptions) {
    super();
    for (const [name, value] of Object.entries({ blocks, numClasses })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new ArgumentError(`CifarResNet: ${name} must be a whole number of 1 or more, got ${value}`);
      }
    }
    this.conv1 = conv3x3(3, 16);
    this.bn1 = new BatchNorm2d(16, { activation: 'relu' });
    this.layer1 = stage(16, 16, blocks, 1);
    this.layer2 = stage(16, 32, blocks, 2);
    this.layer3 = stage(32, 64, blocks, 2);
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.flatten = new Flatten();
    this.linear = new Linear(64, numClasses);
  }

  override forward(x: Tensor): Tensor {
    const stem = this.bn1.forward(this.conv1.forward(x));
    const features = this.layer3.forward(this.layer2.forward(this.layer1.forward(stem)));
    return this.linear.forward(this.flatten.forward(this.avgpool.forward(features)));
  }
}

function stage(inputChannels: number, channels: number, blocks: number, stride: number): Sequential {
  return new Sequential(
    ...Array.from({ length: blocks }, (_, index) =>
      index === 0 ? new CifarBlock(inputChannels, channels, stride) : new CifarBlock(channels, channels, 1),
    ),
  );
}

/** CIFAR ResNet-20: three blocks per stage, 0.27 million parameters. */
export function cifarResnet20(options: CifarResNetVariantOptions = {}): CifarResNet {
  return new CifarResNet({ ...options, blocks: 3 });
}

/** CIFAR ResNet-32: five blocks per stage, 0.46 million parameters. */
export function cifarResnet32(options: CifarResNetVariantOptions = {}): CifarResNet {
  return new CifarResNet({ ...options, blocks: 5 });
}

/** CIFAR ResNet-44: seven blocks per stage, 0.66 million parameters. */
export function cifarResnet44(options: CifarResNetVariantOptions = {}): CifarResNet {
  return new CifarResNet({ ...options, blocks: 7 });
}

/** CIFAR ResNet-56: nine blocks per stage, 0.85 million parameters. */
export function cifarResnet56(options: CifarResNetVariantOptions = {}): CifarResNet {
  return new CifarResNet({ ...options, blocks: 9 });
}

/** CIFAR ResNet-110: eighteen blocks per stage, 1.7 million parameters. */
export function cifarResnet110(options: CifarResNetVariantOptions = {}): CifarResNet {
  return new CifarResNet({ ...options, blocks: 18 });
}
