// Residual networks for ImageNet: the shape, the names and the numbers of torchvision's `models/resnet.py`, so that
// its weight files load as they are.

import { ArgumentError } from '@fusor/errors';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  init,
  Linear,
  MaxPool2d,
  Module,
  Sequential,
} from '@fusor/layers';
import { scope, type Tensor } from '@fusor/native';
import {
  BasicBlock,
  Bottleneck,
  conv1x1,
  heNormal,
  type ResidualBlock,
  type ResidualBlockClass,
} from './blocks.ts';

/** Options of the named networks, such as `resnet50({ numClasses: 10 })`. */
export interface ResNetVariantOptions {
  /** Outputs of the classifier. Default 1000. */
  readonly numClasses?: number;
  /**
   * Start every residual branch at zero, so that each block begins as the identity (Goyal et al. 2017,
   * arXiv:1706.02677): 0.2 to 0.3 points better when training from scratch. Default false.
   */
  readonly zeroInitResidual?: boolean;
  /** For stages 2, 3 and 4: dilate instead of striding, which keeps the resolution. Default none. */
  readonly replaceStrideWithDilation?: readonly [boolean, boolean, boolean];
}

/** Options of `new ResNet`. */
export interface ResNetOptions extends ResNetVariantOptions {
  /** `BasicBlock`, `Bottleneck`, or a class of your own. */
  readonly block: ResidualBlockClass;
  /** Blocks in each of the four stages, such as `[3, 4, 6, 3]`. */
  readonly layers: readonly [number, number, number, number];
  /** Groups of the 3×3 convolutions of bottlenecks (ResNeXt). Default 1. */
  readonly groups?: number;
  /** Channels per group of those, in the first stage. Default 64. */
  readonly widthPerGroup?: number;
}

/**
 * A residual network on images `[n, 3, h, w]`, giving logits `[n, numClasses]`: a 7×7 stem with stride 2, a max-pool,
 * four stages of blocks with 64, 128, 256 and 512 channels (times the block's expansion), global average, classifier.
 * Height and width are free; 224×224 is what the published weights were trained on.
 */
export class ResNet extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly maxpool: MaxPool2d;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly flatten: Flatten;
  readonly fc: Linear;

  /** @throws ArgumentError for a size that is no positive whole number, or options that the block does not have. */
  constructor(options: ResNetOptions) {
    super();
    const { block, layers, numClasses = 1000, zeroInitResidual = false } = options;
    const dilate = options.replaceStrideWithDilation ?? [false, false, false];
    checkOptions(layers, numClasses, dilate);
    const stages = new StageBuilder(block, options.groups ?? 1, options.widthPerGroup ?? 64);
    this.conv1 = new Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false, weightInit: heNormal });
    this.bn1 = new BatchNorm2d(64, { activation: 'relu' });
    this.maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = stages.build(64, layers[0], 1, false);
    this.layer2 = stages.build(128, layers[1], 2, dilate[0]);
    this.layer3 = stages.build(256, layers[2], 2, dilate[1]);
    this.layer4 = stages.build(512, layers[3], 2, dilate[2]);
    this.avgpool = new AdaptiveAvgPool2d([1, 1]);
    this.flatten = new Flatten();
    this.fc = new Linear(512 * block.expansion, numClasses);
    if (zeroInitResidual) for (const each of stages.blocks) init.zeros(each.lastNorm.weight!);
  }

  override forward(x: Tensor): Tensor {
    return scope(() => {
      // In a scope of its own: at batch 8 its two large maps are a fifth of what the engine keeps for the next tensors.
      const stem = scope(() => this.maxpool.forward(this.bn1.forward(this.conv1.forward(x))));
      const features = this.layer4.forward(
        this.layer3.forward(this.layer2.forward(this.layer1.forward(stem))),
      );
      return this.fc.forward(this.flatten.forward(this.avgpool.forward(features)));
    });
  }
}

/** Builds stages one after the other; remembers how many channels the last one put out, and its dilation. */
class StageBuilder {
  readonly blocks: ResidualBlock[] = [];
  readonly #block: ResidualBlockClass;
  readonly #groups: number;
  readonly #widthPerGroup: number;
  #channels = 64;
  #dilation = 1;

  constructor(block: ResidualBlockClass, groups: number, widthPerGroup: number) {
    this.#block = block;
    this.#groups = groups;
    this.#widthPerGroup = widthPerGroup;
  }

  build(channels: number, count: number, stageStride: number, dilate: boolean): Sequential {
    // A dilated stage does not stride; its first block still sees the pixels at the spacing of the stage before.
    const firstDilation = this.#dilation;
    const stride = dilate ? 1 : stageStride;
    if (dilate) this.#dilation *= stageStride;
    const output = channels * this.#block.expansion;
    const downsample =
      stride !== 1 || this.#channels !== output
        ? new Sequential(conv1x1(this.#channels, output, stride), new BatchNorm2d(output))
        : undefined;
    const stage: ResidualBlock[] = [];
    for (let index = 0; index < count; index++) {
      const common = { groups: this.#groups, widthPerGroup: this.#widthPerGroup };
      const options =
        index === 0
          ? { ...common, stride, downsample, dilation: firstDilation }
          : { ...common, dilation: this.#dilation };
      stage.push(new this.#block(index === 0 ? this.#channels : output, channels, options));
    }
    this.#channels = output;
    this.blocks.push(...stage);
    return new Sequential(...stage);
  }
}

function checkOptions(layers: readonly number[], numClasses: number, dilate: readonly boolean[]): void {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;
  if (!Array.isArray(layers) || layers.length !== 4 || !layers.every(isCount)) {
    throw new ArgumentError(
      `ResNet: layers must be four counts of 1 or more, such as [3, 4, 6, 3], got ${JSON.stringify(layers)}`,
    );
  }
  if (!isCount(numClasses)) {
    throw new ArgumentError(`ResNet: numClasses must be a whole number of 1 or more, got ${numClasses}`);
  }
  if (!Array.isArray(dilate) || dilate.length !== 3) {
    throw new ArgumentError(
      `ResNet: replaceStrideWithDilation must be three booleans, for stages 2 to 4, got ${JSON.stringify(dilate)}`,
    );
  }
}

/** ResNet-18: basic blocks [2, 2, 2, 2], 11.7 million parameters. */
export function resnet18(options: ResNetVariantOptions = {}): ResNet {
  return new ResNet({ ...options, block: BasicBlock, layers: [2, 2, 2, 2] });
}

/** Basic blocks [2, 2, 4, 4]: 2 · 12 + 2 = 26 layers with weights, between ResNet-18 and ResNet-34. */
export function resnet26(options: ResNetVariantOptions = {}): ResNet {
  return new ResNet({ ...options, block: BasicBlock, layers: [2, 2, 4, 4] });
}

/** ResNet-34: basic blocks [3, 4, 6, 3], 21.8 million parameters. */
export function resnet34(options: ResNetVariantOptions = {}): ResNet {
  return new ResNet({ ...options, block: BasicBlock, layers: [3, 4, 6, 3] });
}

/** ResNet-50: bottlenecks [3, 4, 6, 3], 25.6 million parameters. */
export function resnet50(options: ResNetVariantOptions = {}): ResNet {
  return new ResNet({ ...options, block: Bottleneck, layers: [3, 4, 6, 3] });
}

/** ResNet-101: bottlenecks [3, 4, 23, 3], 44.5 million parameters. */
export function resnet101(options: ResNetVariantOptions = {}): ResNet {
  return new ResNet({ ...options, block: Bottleneck, layers: [3, 4, 23, 3] });
}

/** ResNet-152: bottlenecks [3, 8, 36, 3], 60.2 million parameters. */
export function resnet152(options: ResNetVariantOptions = {}): ResNet {
  return new ResNet({ ...options, block: Bottleneck, layers: [3, 8, 36, 3] });
}

/** ResNeXt-50 32×4d: ResNet-50 whose 3×3 convolutions have 32 groups of 4 channels (Xie et al., arXiv:1611.05431). */
export function resnext50_32x4d(options: ResNetVariantOptions = {}): ResNet {
  return new ResNet({ ...options, block: Bottleneck, layers: [3, 4, 6, 3], groups: 32, widthPerGroup: 4 });
}

/** Wide ResNet-50-2: ResNet-50 whose 3×3 convolutions are twice as wide (Zagoruyko et al., arXiv:1605.07146). */
export function wideResnet50_2(options: ResNetVariantOptions = {}): ResNet {
  return new ResNet({ ...options, block: Bottleneck, layers: [3, 4, 6, 3], widthPerGroup: 128 });
}
