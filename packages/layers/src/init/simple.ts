import { Tensor } from '@fusor/native';
import { checkNumber } from '../arguments.ts';
import { fill, type InitTarget } from './target.ts';

/** All elements 0. */
export function zeros(target: InitTarget): Tensor {
  return constant(target, 0);
}

/** All elements 1. */
export function ones(target: InitTarget): Tensor {
  return constant(target, 1);
}

/** All elements `value`. */
export function constant(target: InitTarget, value: number): Tensor {
  checkNumber('init.constant', 'value', value);
  return fill(target, (shape) => Tensor.full(shape, value));
}
