import { ops, type Tensor } from '@fusor/native';
import { checkInteger, repr } from '../arguments.ts';
import { biasInit, kaimingUniformRoot5 } from '../init/default.ts';
import type { Initializer } from '../init/index.ts';
import { Module } from '../module/module.ts';

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Whether a bias is added; default `true`. */
  readonly bias?: boolean;
  /** Makes the first weight; default Kaiming uniform with a = √5, PyTorch's. */
  readonly weightInit?: Initializer;
}

/**
 * y = x Wᵀ + b over the last dimension: x [..., inputFeatures] → [..., outputFeatures]; weight
 * [outputFeatures, inputFeatures]. Weight and bias start uniform in ±1/√inputFeatures.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
 */
export class Linear extends Module {
  readonly inputFeatures: number;
  readonly outputFeatures: number;
  weight: Tensor;
  bias: Tensor | null;

  constructor(inputFeatures: number, outputFeatures: number, options: LinearOptions = {}) {
    super();
    const { bias = true, weightInit = kaimingUniformRoot5 } = options;
    this.inputFeatures = checkInteger('Linear', 'inputFeatures', inputFeatures);
    this.outputFeatures = checkInteger('Linear', 'outputFeatures', outputFeatures);
    this.weight = weightInit([outputFeatures, inputFeatures]);
    this.bias = bias ? biasInit([outputFeatures], inputFeatures) : null;
  }

  override extraRepr(): string {
    return repr([this.inputFeatures, this.outputFeatures], { bias: this.bias !== null });
  }

  override forward(x: Tensor): Tensor {
    return ops.linear(x, this.weight, { bias: this.bias });
  }
}
