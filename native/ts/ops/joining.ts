import { ArgumentError, ShapeError } from '@fusor/errors';
import {
  checkDim,
  checkIntegers,
  checkNumber,
  checkOneOf,
  checkOptions,
  checkTensor,
  show,
  wrongType,
} from '../check.ts';
import { dispatchOne } from '../dispatch.ts';
import { withTemporaries } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { unsqueeze } from './movement.ts';
import { inCommonDType } from './promotion.ts';

function checkTensors(operation: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors)) throw wrongType(operation, 'tensors', 'an array of Tensors', tensors);
  if (tensors.length === 0) throw new ArgumentError(`${operation}: tensors must not be empty`);
  for (let index = 0; index < tensors.length; index++)
    checkTensor(operation, `tensors[${index}]`, tensors[index]);
}

/**
 * Tensors joined along a dimension; all other sizes are equal, dtypes are promoted.
 * https://docs.pytorch.org/docs/stable/generated/torch.cat.html
 */
export function concat(tensors: readonly Tensor[], dim = 0): Tensor {
  checkTensors('concat', tensors);
  const at = checkDim('concat', 'dim', dim, tensors[0]!.rank);
  return withTemporaries(() => dispatchOne('concat', inCommonDType('concat', tensors), { dim: at }));
}

/** Tensors of one shape joined along a new dimension. https://docs.pytorch.org/docs/stable/generated/torch.stack.html */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  checkTensors('stack', tensors);
  const first = tensors[0]!;
  const at = checkDim('stack', 'dim', dim, first.rank + 1);
  for (const [index, tensor] of tensors.entries()) {
    if (show(tensor.shape) !== show(first.shape)) {
      throw new ShapeError(
        `stack: tensors[${index}] has shape ${show(tensor.shape)}, but tensors[0] has shape ${show(first.shape)}`,
      );
    }
  }
  return withTemporaries(() => {
    const rows = inCommonDType('stack', tensors).map((tensor) => unsqueeze(tensor, at));
    return dispatchOne('concat', rows, { dim: at });
  });
}

/** Options of {@link pad}. */
export interface PadOptions {
  /** Default `'constant'`. `'reflect'` mirrors without repeating the edge, `'replicate'` repeats it. */
  readonly mode?: 'constant' | 'reflect' | 'replicate' | undefined;
  /** For `'constant'`; default 0. */
  readonly value?: number | undefined;
}

/**
 * `x` with elements put around it. Amounts are in pairs, the last dimension first: `[left, right, top, bottom, front,
 * back]`; negative amounts cut off. https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
 */
export function pad(x: Tensor, amounts: readonly number[], options: PadOptions = {}): Tensor {
  checkTensor('pad', 'x', x);
  checkIntegers('pad', 'amounts', amounts);
  checkOptions('pad', options, ['mode', 'value']);
  if (amounts.length % 2 !== 0 || amounts.length > 2 * x.rank) {
    throw new ArgumentError(
      `pad: amounts ${show(amounts)} must be pairs, at most one for each of the ${x.rank} dimensions of x`,
    );
  }
  const amount = (dim: number, side: 0 | 1) => amounts[2 * (x.rank - 1 - dim) + side] ?? 0;
  return dispatchOne('pad', [x], {
    before: x.shape.map((_, dim) => amount(dim, 0)),
    after: x.shape.map((_, dim) => amount(dim, 1)),
    mode: checkOneOf('pad', 'mode', options.mode ?? 'constant', ['constant', 'reflect', 'replicate']),
    value: options.value === undefined ? 0 : checkPadValue(options.value),
  });
}

// NaN is a value to pad with like any other.
function checkPadValue(value: number): number {
  return Number.isNaN(value) ? value : checkNumber('pad', 'value', value);
}
