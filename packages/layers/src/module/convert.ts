import { ArgumentError, WeightsError } from '@fusor/errors';
import { type DType, Tensor } from '@fusor/native';
import type { TensorRecord, WeightsData, WeightsDType } from '@fusor/weights';

/** How the elements of one dtype of a file become those of a tensor. */
interface Conversion {
  readonly array: new (length: number) => WeightsData;
  /** The dtype that tensors can be made in straight from the array; undefined: only after {@link widen}. */
  readonly tensor?: DType;
}

const CONVERSIONS: Readonly<Partial<Record<WeightsDType, Conversion>>> = {
  f32: { array: Float32Array, tensor: 'f32' },
  f16: { array: Uint16Array, tensor: 'f16' },
  bf16: { array: Uint16Array, tensor: 'bf16' },
  i32: { array: Int32Array, tensor: 'i32' },
  i64: { array: BigInt64Array, tensor: 'i64' },
  u8: { array: Uint8Array, tensor: 'u8' },
  bool: { array: Uint8Array, tensor: 'u8' },
  f64: { array: Float64Array },
  i16: { array: Int16Array },
  i8: { array: Int8Array },
  u16: { array: Uint16Array },
  u32: { array: Uint32Array },
  u64: { array: BigUint64Array },
};

/**
 * Makes a tensor with the dtype, shape and device of `target` from an entry of a state dict.
 * @throws {ArgumentError} when the array does not belong to the entry's dtype and shape
 * @throws {WeightsError} when the dtype cannot be converted
 */
export function tensorOf(name: string, record: TensorRecord, target: Tensor): Tensor {
  checkRecord(name, record);
  const conversion = conversionOf(name, record.dtype);
  if (conversion.tensor !== undefined) return tensorFrom(record.data, conversion.tensor, target);
  const wide = wideArray(record.data.length, target.dtype);
  widen(record.data, wide.data, 0, record.data.length);
  return tensorFrom(wide.data, wide.dtype, target);
}

/** A tensor from an array whose dtype tensors have; converted and moved by the device's own ops. */
export function tensorFrom(data: WeightsData, dtype: DType, target: Tensor): Tensor {
  const made = Tensor.from(data as Float32Array, [...target.shape], { dtype, device: target.device });
  if (dtype === target.dtype) return made;
  const converted = made.to(target.dtype);
  made.dispose();
  return converted;
}

/** How to read a dtype, or an error that says it cannot be loaded. */
export function conversionOf(name: string, dtype: WeightsDType): Conversion {
  const conversion = CONVERSIONS[dtype];
  if (conversion === undefined) {
    throw new WeightsError(
      `${name}: ${dtype} cannot be converted; convert the file to f32, f16 or bf16 first`,
    );
  }
  return conversion;
}

/** An array for elements that pass through JavaScript on their way into `dtype`. */
export function wideArray(
  length: number,
  dtype: DType,
): { data: Float32Array | BigInt64Array; dtype: 'f32' | 'i64' } {
  return dtype === 'i64'
    ? { data: new BigInt64Array(length), dtype }
    : { data: new Float32Array(length), dtype: 'f32' };
}

/** Converts the elements from `start` to `end`. Floats round to f32; floats to integers truncate, NaN gives 0. */
export function widen(
  source: WeightsData,
  target: Float32Array | BigInt64Array,
  start: number,
  end: number,
): void {
  if (target instanceof Float32Array && !isBigints(source)) {
    target.set(source.subarray(start, end), start);
    return;
  }
  for (let index = start; index < end; index++) {
    const value = source[index]!;
    if (target instanceof Float32Array) target[index] = Number(value);
    else
      target[index] =
        typeof value === 'bigint' ? value : BigInt(Math.trunc(Number.isFinite(value) ? value : 0));
  }
}

function isBigints(data: WeightsData): data is BigInt64Array | BigUint64Array {
  return data instanceof BigInt64Array || data instanceof BigUint64Array;
}

function checkRecord(name: string, { dtype, shape, data }: TensorRecord): void {
  const expected = conversionOf(name, dtype).array;
  if (!(data instanceof expected)) {
    const got = (data as object | undefined)?.constructor?.name ?? typeof data;
    throw new ArgumentError(`${name}: data of dtype ${dtype} must be a ${expected.name}, got ${got}`);
  }
  const elements = shape.reduce((product, size) => product * size, 1);
  if (data.length !== elements) {
    throw new ArgumentError(
      `${name}: data has ${data.length} elements, shape [${shape.join(', ')}] needs ${elements}`,
    );
  }
}
