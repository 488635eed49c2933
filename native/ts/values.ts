/** From JavaScript values to the bytes of a tensor. */
import { ArgumentError, ShapeError } from '@fusor/errors';
import { checkShape, show, showShape, wrongType } from './check.ts';
import { bytesPerElement } from './dtype.ts';
import type { DType, NestedArray, Shape, TypedArrayInput } from './types.ts';

/** Elements in memory: what a tensor is copied from. */
export interface Elements {
  readonly dtype: DType;
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;
  readonly shape: Shape;
}

const OPERATION = 'Tensor.from';

export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
}

/**
 * The elements of a typed array or nested array, in `dtype` if it can be had here without rounding twice; else in the
 * dtype they have by nature, from which the engine converts.
 */
export function elementsOf(
  source: TypedArrayInput | NestedArray,
  shape: Shape | undefined,
  dtype: DType | undefined,
): Elements {
  const elements = ArrayBuffer.isView(source) ? fromTypedArray(source, dtype) : fromNested(source, dtype);
  if (shape === undefined) return elements;
  const wanted = checkShape(OPERATION, 'shape', shape);
  if (elementCount(wanted) !== elements.data.length) {
    throw new ShapeError(
      `${OPERATION}: ${elements.data.length} elements do not fill shape ${showShape(wanted)}, which takes ${elementCount(wanted)}`,
    );
  }
  return { ...elements, shape: wanted };
}

function fromTypedArray(source: NodeJS.TypedArray | DataView, dtype: DType | undefined): Elements {
  const elements = (natural: DType, data: Elements['data']): Elements => ({
    dtype: natural,
    data,
    shape: [data.length],
  });
  if (source instanceof Float32Array) return elements('f32', source);
  if (source instanceof Float64Array) {
    return dtype === 'i32' || dtype === 'i64' || dtype === 'u8'
      ? fromNumbers(source, [source.length], dtype)
      : elements('f32', Float32Array.from(source));
  }
  if (source instanceof Int32Array) return elements('i32', source);
  if (source instanceof BigInt64Array) return elements('i64', source);
  if (source instanceof Uint8Array) return elements('u8', source);
  if (source instanceof Uint8ClampedArray) {
    return elements('u8', new Uint8Array(source.buffer, source.byteOffset, source.length));
  }
  if (source instanceof Uint16Array) {
    if (dtype === 'f16' || dtype === 'bf16') return elements(dtype, source);
    throw new ArgumentError(
      `${OPERATION}: a Uint16Array holds 16-bit floats: pass { dtype: 'f16' } or { dtype: 'bf16' }`,
    );
  }
  if (source.constructor.name === 'Float16Array') {
    return elements('f16', new Uint16Array(source.buffer, source.byteOffset, source.byteLength / 2));
  }
  throw wrongType(
    OPERATION,
    'data',
    'a Float32Array, Float64Array, Int32Array, BigInt64Array, Uint8Array, Uint16Array (16-bit floats), numbers or nested arrays of numbers',
    source,
  );
}

function fromNested(source: unknown, dtype: DType | undefined): Elements {
  const shape: number[] = [];
  for (let level = source; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > 64) throw new ShapeError(`${OPERATION}: data is nested deeper than 64 levels`);
  }
  const flat: (number | bigint | boolean)[] = [];
  flatten(source, shape, 0, flat);
  const kind = typeof flat[0];
  const natural: DType = dtype ?? (kind === 'bigint' ? 'i64' : kind === 'boolean' ? 'u8' : 'f32');
  return fromNumbers(flat, shape, natural);
}

function flatten(source: unknown, shape: Shape, depth: number, into: (number | bigint | boolean)[]): void {
  if (depth === shape.length) {
    if (typeof source === 'number' || typeof source === 'bigint' || typeof source === 'boolean')
      into.push(source);
    else if (Array.isArray(source)) throw ragged(shape, depth);
    else throw wrongType(OPERATION, 'data', 'a typed array, a number or nested arrays of numbers', source);
    return;
  }
  if (!Array.isArray(source) || source.length !== shape[depth]) throw ragged(shape, depth);
  // An index, not an iterator: holes of sparse arrays must be seen.
  for (let index = 0; index < source.length; index++) flatten(source[index], shape, depth + 1, into);
}

function ragged(shape: Shape, depth: number): ShapeError {
  return new ShapeError(
    `${OPERATION}: nested arrays must have equal lengths: not every array at depth ${depth} fits shape ${showShape(shape)}`,
  );
}

const ranges: Readonly<Record<'i32' | 'u8', readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u8: [0, 255],
};

/** Numbers as they are for floats; integers must be integers in range. */
function fromNumbers(source: ArrayLike<number | bigint | boolean>, shape: Shape, dtype: DType): Elements {
  const count = source.length;
  switch (dtype) {
    case 'f32':
    case 'f16':
    case 'bf16': {
      const data = new Float32Array(count);
      for (let index = 0; index < count; index++) data[index] = Number(source[index]);
      return { dtype: 'f32', data, shape };
    }
    case 'i64': {
      const data = new BigInt64Array(count);
      for (let index = 0; index < count; index++) {
        const value = source[index]!;
        const fits =
          typeof value === 'bigint'
            ? BigInt.asIntN(64, value) === value
            : typeof value === 'boolean' || Number.isSafeInteger(value);
        if (!fits) throw notAnInteger(value, dtype);
        data[index] = BigInt(value);
      }
      return { dtype, data, shape };
    }
    case 'i32':
    case 'u8': {
      const data = dtype === 'i32' ? new Int32Array(count) : new Uint8Array(count);
      const [low, high] = ranges[dtype];
      for (let index = 0; index < count; index++) {
        const value = Number(source[index]);
        if (!Number.isInteger(value) || value < low || value > high) throw notAnInteger(source[index], dtype);
        data[index] = value;
      }
      return { dtype, data, shape };
    }
  }
}

function notAnInteger(value: unknown, dtype: DType): ArgumentError {
  return new ArgumentError(`${OPERATION}: ${show(value)} is not an integer that fits ${dtype}`);
}

/** One number as a rank 0 tensor's elements, or an error that names the operation it is an operand of. */
export function scalarElements(operation: string, value: number, dtype: DType): Elements {
  switch (dtype) {
    case 'f32':
    case 'f16':
    case 'bf16':
      return { dtype: 'f32', data: Float32Array.of(value), shape: [] };
    case 'i64':
      if (Number.isSafeInteger(value)) return { dtype, data: BigInt64Array.of(BigInt(value)), shape: [] };
      break;
    case 'i32':
      if (Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 31) {
        return { dtype, data: Int32Array.of(value), shape: [] };
      }
      break;
    case 'u8':
      if (Number.isInteger(value) && value >= 0 && value <= 255)
        return { dtype, data: Uint8Array.of(value), shape: [] };
      break;
  }
  throw new ArgumentError(`${operation}: ${show(value)} does not fit the other operand's dtype ${dtype}`);
}

/** Whether a typed array holds the elements of a dtype. */
export function holds(dtype: DType, array: NodeJS.TypedArray): boolean {
  switch (dtype) {
    case 'f32':
      return array instanceof Float32Array;
    case 'i32':
      return array instanceof Int32Array;
    case 'i64':
      return array instanceof BigInt64Array;
    case 'u8':
      return array instanceof Uint8Array || array instanceof Uint8ClampedArray;
    case 'f16':
    case 'bf16':
      return array instanceof Uint16Array || (dtype === 'f16' && array.constructor.name === 'Float16Array');
  }
}

export function byteLength(dtype: DType, shape: Shape): number {
  return bytesPerElement[dtype] * elementCount(shape);
}
