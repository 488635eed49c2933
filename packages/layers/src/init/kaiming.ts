import type { Tensor } from '@fusor/native';
import { calculateFans, calculateGain, type FanMode, type Nonlinearity } from './fan.ts';
import { normal, uniform } from './random.ts';
import { type InitTarget, shapeOf } from './target.ts';

/** Options of the Kaiming initializers; the defaults are PyTorch's. */
export interface KaimingOptions {
  /** Negative slope of the leaky ReLU after the layer; default 0. */
  readonly a?: number;
  /** Default `'fanIn'`. */
  readonly mode?: FanMode;
  /** Default `'leaky-relu'`, which with a = 0 is ReLU. */
  readonly nonlinearity?: Nonlinearity;
}

/**
 * Uniform in ±gain · √(3 / fan).
 *
 * He et al., Delving deep into rectifiers, https://arxiv.org/abs/1502.01852;
 * https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_uniform_
 */
export function kaimingUniform(target: InitTarget, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * deviation(target, options);
  return uniform(target, -bound, bound);
}

/**
 * Normal with mean 0 and standard deviation gain / √fan.
 *
 * He et al., Delving deep into rectifiers, https://arxiv.org/abs/1502.01852;
 * https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.kaiming_normal_
 */
export function kaimingNormal(target: InitTarget, options: KaimingOptions = {}): Tensor {
  return normal(target, 0, deviation(target, options));
}

function deviation(target: InitTarget, options: KaimingOptions): number {
  const { a = 0, mode = 'fanIn', nonlinearity = 'leaky-relu' } = options;
  const fan = calculateFans(shapeOf(target))[mode];
  return fan > 0 ? calculateGain(nonlinearity, a) / Math.sqrt(fan) : 0;
}
