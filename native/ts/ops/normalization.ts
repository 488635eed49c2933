import { ShapeError } from '@fusor/errors';
import {
  checkInteger,
  checkNumber,
  checkOptionalTensor,
  checkOptions,
  checkShape,
  checkTensor,
  showShape,
} from '../check.ts';
import { dispatch, dispatchOne } from '../dispatch.ts';
import type { Tensor } from '../tensor.ts';
import type { Activation, Shape } from '../types.ts';
import { checkActivation } from './activation.ts';

/** Weight and bias of a normalization, and the constant that keeps it from dividing by 0. */
export interface NormOptions {
  readonly weight?: Tensor | null | undefined;
  readonly bias?: Tensor | null | undefined;
  /** Default 1e-5. */
  readonly eps?: number | undefined;
}

/** Options of {@link batchNorm} for inference; the tensors are `[c]`. */
export interface BatchNormOptions extends NormOptions {
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly training?: false | undefined;
  /** Added before the activation; x's shape. */
  readonly residual?: Tensor | null | undefined;
  readonly activation?: Activation | null | undefined;
}

/** Options of {@link batchNorm} in training; `mean` and `variance` are the running ones so far. */
export interface BatchNormTrainingOptions extends NormOptions {
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly training: true;
  /** The weight of the new batch in the running statistics; default 0.1. */
  readonly momentum?: number | undefined;
}

/** What {@link batchNorm} gives in training: the running statistics are new tensors, to `assign` to the old ones. */
export interface BatchNormTrainingResult {
  readonly output: Tensor;
  readonly mean: Tensor;
  readonly variance: Tensor;
}

const batchNormOptions = [
  'mean',
  'variance',
  'weight',
  'bias',
  'eps',
  'training',
  'momentum',
  'residual',
  'activation',
];

/**
 * `activation((x - mean) / sqrt(variance + eps) * weight + bias + residual)` per channel, in one pass.
 *
 * With `training: true` the batch's own mean and (biased) variance normalise, and the running ones come back updated:
 * `(1 - momentum) * running + momentum * batch`, with the unbiased variance.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
 *
 * @param x `[n, c, ...]`
 */
export function batchNorm(x: Tensor, options: BatchNormTrainingOptions): BatchNormTrainingResult;
export function batchNorm(x: Tensor, options: BatchNormOptions): Tensor;
export function batchNorm(
  x: Tensor,
  options: BatchNormOptions | BatchNormTrainingOptions,
): Tensor | BatchNormTrainingResult {
  const operation = 'batchNorm';
  checkTensor(operation, 'x', x);
  // Not optional here: mean and variance are required.
  checkOptions(operation, options ?? null, batchNormOptions);
  const inputs = [
    x,
    checkTensor(operation, 'mean', options.mean),
    checkTensor(operation, 'variance', options.variance),
    checkOptionalTensor(operation, 'weight', options.weight),
    checkOptionalTensor(operation, 'bias', options.bias),
  ];
  const epsilon = checkNumber(operation, 'eps', options.eps ?? 1e-5);
  if (options.training === true) {
    checkOptions(operation, options, [...batchNormOptions.slice(0, -2)]);
    const momentum = checkNumber(operation, 'momentum', options.momentum ?? 0.1);
    const [output, mean, variance] = dispatch('batchNormTraining', inputs, { epsilon, momentum });
    return { output: output!, mean: mean!, variance: variance! };
  }
  inputs.push(checkOptionalTensor(operation, 'residual', options.residual));
  return dispatchOne('batchNorm', inputs, {
    epsilon,
    activation: checkActivation(operation, options.activation),
  });
}

/** How many trailing dimensions `normalizedShape` names, after comparing it with them. */
function normalizedRank(operation: string, x: Tensor, normalizedShape: Shape | number): number {
  const expected =
    typeof normalizedShape === 'number'
      ? [checkInteger(operation, 'normalizedShape', normalizedShape)]
      : checkShape(operation, 'normalizedShape', normalizedShape);
  const actual = x.shape.slice(Math.max(x.rank - expected.length, 0));
  if (
    expected.length === 0 ||
    actual.length !== expected.length ||
    actual.some((size, dim) => size !== expected[dim])
  ) {
    throw new ShapeError(
      `${operation}: normalizedShape ${showShape(expected)} is not how the shape of x ${showShape(x.shape)} ends`,
    );
  }
  return expected.length;
}

/**
 * `(x - mean) / sqrt(variance + eps) * weight + bias` over the trailing dimensions, biased variance.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
 *
 * @param normalizedShape the trailing sizes that are normalised together; weight and bias have this shape
 */
export function layerNorm(x: Tensor, normalizedShape: Shape | number, options: NormOptions = {}): Tensor {
  const operation = 'layerNorm';
  checkTensor(operation, 'x', x);
  checkOptions(operation, options, ['weight', 'bias', 'eps']);
  const weight = checkOptionalTensor(operation, 'weight', options.weight);
  const bias = checkOptionalTensor(operation, 'bias', options.bias);
  return dispatchOne('layerNorm', [x, weight, bias], {
    normalizedRank: normalizedRank(operation, x, normalizedShape),
    epsilon: checkNumber(operation, 'eps', options.eps ?? 1e-5),
  });
}

/**
 * `sum = x + residual` and `output = layerNorm(sum)` in one pass; both come out, as a pre-norm transformer block needs.
 * The shapes of `x` and `residual` are equal. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
 */
export function addLayerNorm(
  x: Tensor,
  residual: Tensor,
  normalizedShape: Shape | number,
  options: NormOptions = {},
): { readonly sum: Tensor; readonly output: Tensor } {
  const operation = 'addLayerNorm';
  checkTensor(operation, 'x', x);
  checkTensor(operation, 'residual', residual);
  checkOptions(operation, options, ['weight', 'bias', 'eps']);
  const weight = checkOptionalTensor(operation, 'weight', options.weight);
  const bias = checkOptionalTensor(operation, 'bias', options.bias);
  const [sum, output] = dispatch('addLayerNorm', [x, residual, weight, bias], {
    normalizedRank: normalizedRank(operation, x, normalizedShape),
    epsilon: checkNumber(operation, 'eps', options.eps ?? 1e-5),
  });
  return { sum: sum!, output: output! };
}

/** The distance from 1 to the next f32: PyTorch's default for RMS-norm. */
const F32_EPSILON = 2 ** -23;

/**
 * `x / sqrt(mean(x^2) + eps) * weight` over the trailing dimensions; eps is 2^-23 by default.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.rms_norm.html
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: Shape | number,
  options: { readonly weight?: Tensor | null | undefined; readonly eps?: number | undefined } = {},
): Tensor {
  const operation = 'rmsNorm';
  checkTensor(operation, 'x', x);
  checkOptions(operation, options, ['weight', 'eps']);
  const weight = checkOptionalTensor(operation, 'weight', options.weight);
  return dispatchOne('rmsNorm', [x, weight], {
    normalizedRank: normalizedRank(operation, x, normalizedShape),
    epsilon: checkNumber(operation, 'eps', options.eps ?? F32_EPSILON),
  });
}

/**
 * `(x - mean) / sqrt(variance + eps) * weight + bias`, mean and biased variance over each group of channels of each image.
 * With as many groups as channels it is instance-norm.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.group_norm.html
 *
 * @param x `[n, c, ...]`
 * @param groups divides `c`; weight and bias are `[c]`
 */
export function groupNorm(x: Tensor, groups: number, options: NormOptions = {}): Tensor {
  const operation = 'groupNorm';
  checkTensor(operation, 'x', x);
  checkOptions(operation, options, ['weight', 'bias', 'eps']);
  const weight = checkOptionalTensor(operation, 'weight', options.weight);
  const bias = checkOptionalTensor(operation, 'bias', options.bias);
  return dispatchOne('groupNorm', [x, weight, bias], {
    groups: checkInteger(operation, 'groups', groups),
    epsilon: checkNumber(operation, 'eps', options.eps ?? 1e-5),
  });
}
