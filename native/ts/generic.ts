/** Operations by name, as graphs have them. */
import { ArgumentError } from '@fusor/errors';
import { schemas } from './addon/environment.ts';
import { checkOptionalTensor, checkOptions, checkTensor } from './check.ts';
import { dispatch } from './dispatch.ts';
import type { Attributes, OpName } from './graph.ts';
import type { Tensor } from './tensor.ts';
import type { Device } from './types.ts';

/**
 * Carries out one operation by its name in graphs, with exactly the attributes of its schema: to evaluate a node.
 * @param inputs in the op's order, null for an absent optional one
 * @param device for operations without inputs; default the CPU
 */
export function runOp(
  op: OpName,
  inputs: readonly (Tensor | null)[],
  attributes: Attributes,
  device: Device = 'cpu',
): Tensor[] {
  if (!schemas.has(op)) throw new ArgumentError(`there is no operation '${String(op)}'`);
  const tensors = inputs.map((input, index) => checkOptionalTensor(op, `inputs[${index}]`, input));
  return dispatch(op, tensors, attributes, device);
}

/**
 * The weight and bias of a convolution (or linear layer) that does what it and the batch-norm after it did, computed in
 * f64: `weight' = weight * gamma / sqrt(variance + eps)` per output channel,
 * `bias' = (bias - mean) * gamma / sqrt(variance + eps) + beta`.
 *
 * @param weight `[k, ...]`; all others `[k]`
 */
export function foldBatchNorm(
  weight: Tensor,
  options: {
    readonly bias?: Tensor | null | undefined;
    readonly mean: Tensor;
    readonly variance: Tensor;
    readonly gamma?: Tensor | null | undefined;
    readonly beta?: Tensor | null | undefined;
    readonly eps: number;
  },
): { readonly weight: Tensor; readonly bias: Tensor } {
  const operation = 'foldBatchNorm';
  checkOptions(operation, options, ['bias', 'mean', 'variance', 'gamma', 'beta', 'eps']);
  const inputs = [
    checkTensor(operation, 'weight', weight),
    checkOptionalTensor(operation, 'bias', options.bias),
    checkTensor(operation, 'mean', options.mean),
    checkTensor(operation, 'variance', options.variance),
    checkOptionalTensor(operation, 'gamma', options.gamma),
    checkOptionalTensor(operation, 'beta', options.beta),
  ];
  const [folded, bias] = dispatch('foldBatchNorm', inputs, { epsilon: options.eps });
  return { weight: folded!, bias: bias! };
}
