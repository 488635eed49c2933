import { ArgumentError } from '@fusor/errors';
import { checkTensor, wrongType } from '../check.ts';
import { dispatchOne } from '../dispatch.ts';
import { isFloat, promote } from '../dtype.ts';
import { isTensor, type Tensor, upload } from '../tensor.ts';
import type { Device, DType } from '../types.ts';
import { scalarElements } from '../values.ts';

/** A tensor or a number. A number takes the dtype of the tensor it meets; a fraction makes integers f32. */
export type Operand = Tensor | number;

/** The dtype in which two operands meet, by PyTorch's rules (see `promote` in ../dtype.ts). */
export function resultType(operation: string, a: Operand, b: Operand): DType {
  if (isTensor(a)) {
    if (isTensor(b)) return promote(a.dtype, b.dtype);
    return withNumber(operation, 'b', a.dtype, b);
  }
  if (isTensor(b)) return withNumber(operation, 'a', b.dtype, a);
  if (typeof a !== 'number') throw wrongType(operation, 'a', 'a Tensor or a number', a);
  if (typeof b !== 'number') throw wrongType(operation, 'b', 'a Tensor or a number', b);
  throw new ArgumentError(`${operation}: one of a and b must be a Tensor, got two numbers`);
}

function withNumber(operation: string, argument: string, dtype: DType, value: unknown): DType {
  if (typeof value !== 'number') throw wrongType(operation, argument, 'a Tensor or a number', value);
  return isFloat(dtype) || Number.isInteger(value) ? dtype : 'f32';
}

export function deviceOfOperands(...operands: readonly Operand[]): Device {
  return operands.find((operand) => isTensor(operand))?.device ?? 'cpu';
}

/** The tensor in the wanted dtype: itself, or a converted one for the surrounding `withTemporaries` to dispose. */
export function inDType(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : dispatchOne('convert', [x], { dtype });
}

/** An operand as a tensor of the wanted dtype, for the surrounding `withTemporaries` to dispose. */
export function asTensor(operation: string, operand: Operand, dtype: DType, device: Device): Tensor {
  if (isTensor(operand)) return inDType(operand, dtype);
  const { data, dtype: natural } = scalarElements(operation, operand, dtype);
  return inDType(upload(data, natural, [], device), dtype);
}

/** Tensors to be joined, in the dtype that holds them all. Converted ones are for `withTemporaries` to dispose. */
export function inCommonDType(operation: string, tensors: readonly Tensor[]): readonly Tensor[] {
  const dtype = tensors.reduce<DType>(
    (common, tensor, index) => promote(common, checkTensor(operation, `tensors[${index}]`, tensor).dtype),
    tensors[0]!.dtype,
  );
  return tensors.map((tensor) => inDType(tensor, dtype));
}
