import { ArgumentError } from '@fusor/errors';
import { ops, scope, type Tensor } from '@fusor/native';
import { checkInteger, checkNumber, repr } from '../arguments.ts';
import { ones, zeros } from '../init/index.ts';
import { Module } from '../module/module.ts';
import { rankError } from './rank.ts';

/** Options of {@link GroupNorm}; the defaults are PyTorch's. */
export interface GroupNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Whether there are a weight and a bias for each channel; default `true`. */
  readonly affine?: boolean;
}

/**
 * y = (x − mean) / √(variance + eps) · weight + bias, with mean and biased variance over each group of channels of
 * each sample; weight and bias have one element per channel. x [n, c, …].
 *
 * Wu and He, Group Normalization, https://arxiv.org/abs/1803.08494;
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
 */
export class GroupNorm extends Module {
  readonly groups: number;
  readonly channels: number;
  readonly eps: number;
  weight: Tensor | null;
  bias: Tensor | null;

  constructor(groups: number, channels: number, options: GroupNormOptions = {}) {
    super();
    const { eps = 1e-5, affine = true } = options;
    this.groups = checkInteger('GroupNorm', 'groups', groups);
    this.channels = checkInteger('GroupNorm', 'channels', channels);
    if (channels % groups !== 0) {
      throw new ArgumentError(`GroupNorm: channels (${channels}) must be divisible by groups (${groups})`);
    }
    this.eps = checkNumber('GroupNorm', 'eps', eps, 0);
    this.weight = affine ? ones([channels]) : null;
    this.bias = affine ? zeros([channels]) : null;
  }

  override extraRepr(): string {
    return repr([this.groups, this.channels], { eps: this.eps, affine: this.weight !== null });
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return ops.groupNorm(x, this.groups, { weight, bias, eps });
  }
}

/** Options of {@link InstanceNorm2d}; the defaults are PyTorch's. */
export interface InstanceNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Whether there are a weight and a bias for each channel; default `false`. */
  readonly affine?: boolean;
}

/**
 * Normalizes each channel of each sample by itself: group norm with as many groups as channels. x [n, c, h, w] or
 * [c, h, w]. Running statistics, off by default in PyTorch too, are not offered.
 *
 * Ulyanov et al., Instance Normalization, https://arxiv.org/abs/1607.08022;
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.InstanceNorm2d.html
 */
export class InstanceNorm2d extends Module {
  readonly features: number;
  readonly eps: number;
  weight: Tensor | null;
  bias: Tensor | null;

  constructor(features: number, options: InstanceNormOptions = {}) {
    super();
    const { eps = 1e-5, affine = false } = options;
    this.features = checkInteger('InstanceNorm2d', 'features', features);
    this.eps = checkNumber('InstanceNorm2d', 'eps', eps, 0);
    this.weight = affine ? ones([features]) : null;
    this.bias = affine ? zeros([features]) : null;
  }

  override extraRepr(): string {
    return repr([this.features], { eps: this.eps, affine: this.weight !== null });
  }

  override forward(x: Tensor): Tensor {
    const { features, weight, bias, eps } = this;
    if ((x.rank !== 3 && x.rank !== 4) || x.shape.at(-3) !== features) {
      throw rankError('InstanceNorm2d', `[n, ${features}, h, w] or [${features}, h, w]`, x);
    }
    if (x.rank === 4) return ops.groupNorm(x, features, { weight, bias, eps });
    return scope(() => ops.squeeze(ops.groupNorm(ops.unsqueeze(x, 0), features, { weight, bias, eps }), 0));
  }
}
