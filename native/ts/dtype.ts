import { ArgumentError } from '@fusor/errors';
import type { DType, TensorData, TypedArrays } from './types.ts';

/** In the order of `fusor_dtype`. */
export const dtypes: readonly DType[] = ['f32', 'f16', 'bf16', 'i32', 'i64', 'u8'];

const indices: ReadonlyMap<string, number> = new Map(dtypes.map((dtype, index) => [dtype, index]));

export const bytesPerElement: Readonly<Record<DType, number>> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  i32: 4,
  i64: 8,
  u8: 1,
};

/** `fusor_dtype` of a dtype. */
export function dtypeIndex(dtype: DType): number {
  return indices.get(dtype)!;
}

export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && indices.has(value);
}

/** The dtype, or an error that names the argument. */
export function checkDType(operation: string, argument: string, value: unknown): DType {
  if (isDType(value)) return value;
  throw new ArgumentError(
    `${operation}: ${argument} must be one of ${dtypes.join(', ')}, got ${typeof value === 'string' ? `'${value}'` : String(value)}`,
  );
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'bf16';
}

/** A typed array of `count` elements over memory of its own. */
export function allocateTypedArray<D extends DType>(dtype: D, count: number): TypedArrays[D] {
  const buffer = new ArrayBuffer(count * bytesPerElement[dtype]);
  return typedArrayOver(dtype, buffer) as TypedArrays[D];
}

function typedArrayOver(dtype: DType, buffer: ArrayBuffer): TensorData {
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer);
    case 'f16':
    case 'bf16':
      return new Uint16Array(buffer);
    case 'i32':
      return new Int32Array(buffer);
    case 'i64':
      return new BigInt64Array(buffer);
    case 'u8':
      return new Uint8Array(buffer);
  }
}

const rank: Readonly<Record<DType, number>> = { u8: 0, i32: 1, i64: 2, f16: 3, bf16: 3, f32: 4 };

/**
 * The dtype of a result of two operands: the later of u8, i32, i64, (f16, bf16), f32; f16 with bf16 gives f32.
 * https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  if (rank[a] === rank[b]) return 'f32';
  return rank[a] > rank[b] ? a : b;
}
