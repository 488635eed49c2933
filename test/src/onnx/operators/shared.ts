import { Tensor } from '@fusor/native';
import type { OnnxDataType } from '../model.ts';
import { Refusal } from '../values.ts';

/** A tensor of i64 of rank 1. */
export function indices(values: readonly number[]): Tensor {
  return Tensor.from(BigInt64Array.from(values, BigInt), [values.length], { dtype: 'i64' });
}

/** `TensorProto.DataType` by number. */
export function dataTypeOf(code: number): OnnxDataType {
  const types: Readonly<Record<number, OnnxDataType>> = {
    1: 'float',
    2: 'uint8',
    6: 'int32',
    7: 'int64',
    9: 'bool',
    10: 'float16',
    11: 'double',
    16: 'bfloat16',
  };
  const type = types[code];
  if (type === undefined) throw new Refusal(`element type ${code}`);
  return type;
}

/** All axes of a shape, in order. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
