import type { Tensor } from '@fusor/native';
import { calculateFans } from './fan.ts';
import { normal, uniform } from './random.ts';
import { type InitTarget, shapeOf } from './target.ts';

/** Options of the Xavier initializers. */
export interface XavierOptions {
  /** Scales the standard deviation; default 1. */
  readonly gain?: number;
}

/**
 * Uniform in ±gain · √(6 / (fanIn + fanOut)).
 *
 * Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010;
 * https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_uniform_
 */
export function xavierUniform(target: InitTarget, options: XavierOptions = {}): Tensor {
  const bound = Math.sqrt(3) * deviation(target, options);
  return uniform(target, -bound, bound);
}

/**
 * Normal with mean 0 and standard deviation gain · √(2 / (fanIn + fanOut)).
 *
 * Glorot and Bengio, 2010; https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.xavier_normal_
 */
export function xavierNormal(target: InitTarget, options: XavierOptions = {}): Tensor {
  return normal(target, 0, deviation(target, options));
}

function deviation(target: InitTarget, options: XavierOptions): number {
  const { fanIn, fanOut } = calculateFans(shapeOf(target));
  return fanIn + fanOut > 0 ? (options.gain ?? 1) * Math.sqrt(2 / (fanIn + fanOut)) : 0;
}
