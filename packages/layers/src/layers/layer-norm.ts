import { ops, type Tensor } from '@fusor/native';
import { checkNumber, checkShape, repr } from '../arguments.ts';
import { ones, zeros } from '../init/index.ts';
import { Module } from '../module/module.ts';

/** Options of {@link LayerNorm}; the defaults are PyTorch's. */
export interface LayerNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Whether there is a weight; default `true`. */
  readonly elementwiseAffine?: boolean;
  /** Whether there is a bias beside the weight; default `true`. */
  readonly bias?: boolean;
}

/**
 * y = (x − mean) / √(variance + eps) · weight + bias, with mean and biased variance over the trailing dimensions
 * `normalizedShape`; weight and bias have that shape.
 *
 * Ba et al., Layer Normalization, https://arxiv.org/abs/1607.06450;
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Tensor | null;
  bias: Tensor | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    this.normalizedShape = checkShape('LayerNorm', 'normalizedShape', normalizedShape);
    this.eps = checkNumber('LayerNorm', 'eps', eps, 0);
    this.weight = elementwiseAffine ? ones(this.normalizedShape) : null;
    this.bias = elementwiseAffine && bias ? zeros(this.normalizedShape) : null;
  }

  override extraRepr(): string {
    return repr([this.normalizedShape], { eps: this.eps, elementwiseAffine: this.weight !== null });
  }

  override forward(x: Tensor): Tensor {
    const { weight, bias, eps } = this;
    return ops.layerNorm(x, this.normalizedShape, { weight, bias, eps });
  }
}

/** Options of {@link RMSNorm}. */
export interface RMSNormOptions {
  /** Added to the mean square; default the distance from 1 to the next f32, 2⁻²³, as in PyTorch. */
  readonly eps?: number;
  /** Whether there is a weight; default `true`. */
  readonly elementwiseAffine?: boolean;
}

/**
 * y = x / √(mean(x²) + eps) · weight, with the mean over the trailing dimensions `normalizedShape`.
 *
 * Zhang and Sennrich, Root Mean Square Layer Normalization, https://arxiv.org/abs/1910.07467;
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.modules.normalization.RMSNorm.html
 */
export class RMSNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Tensor | null;

  constructor(normalizedShape: number | readonly number[], options: RMSNormOptions = {}) {
    super();
    const { eps = 2 ** -23, elementwiseAffine = true } = options;
    this.normalizedShape = checkShape('RMSNorm', 'normalizedShape', normalizedShape);
    this.eps = checkNumber('RMSNorm', 'eps', eps, 0);
    this.weight = elementwiseAffine ? ones(this.normalizedShape) : null;
  }

  override extraRepr(): string {
    return repr([this.normalizedShape], { eps: this.eps, elementwiseAffine: this.weight !== null });
  }

  override forward(x: Tensor): Tensor {
    return ops.rmsNorm(x, this.normalizedShape, { weight: this.weight, eps: this.eps });
  }
}
