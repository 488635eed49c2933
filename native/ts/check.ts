/**
 * Checks of JavaScript types. What sizes and dtypes an operation takes is checked in one place, the engine; here values
 * are made sure to be numbers, tensors and known options before they are handed over.
 */
import { ArgumentError } from '@fusor/errors';
import { Tensor } from './tensor.ts';
import type { Dims, Pair, Shape } from './types.ts';

/** A value as error messages show it: short, and telling its type. */
export function show(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Object.is(value, -0) ? '0' : String(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return value.length > 40 ? `'${value.slice(0, 37)}...'` : `'${value}'`;
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) {
    const items = value.slice(0, 8).map((item) => (Array.isArray(item) ? '[...]' : show(item)));
    return `[${items.join(', ')}${value.length > 8 ? ', ...' : ''}]`;
  }
  if (value instanceof Tensor) return `a Tensor of shape ${showShape(value.shape)}`;
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === 'string' && name !== 'Object' ? `an instance of ${name}` : 'an object';
}

export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** The one way in which a wrong JavaScript type is reported. */
export function wrongType(
  operation: string,
  argument: string,
  expected: string,
  value: unknown,
): ArgumentError {
  return new ArgumentError(`${operation}: ${argument} must be ${expected}, got ${show(value)}`);
}

export function checkTensor(operation: string, argument: string, value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  throw wrongType(operation, argument, 'a Tensor', value);
}

/** A tensor, or null where it was left out. */
export function checkOptionalTensor(operation: string, argument: string, value: unknown): Tensor | null {
  if (value === undefined || value === null) return null;
  return checkTensor(operation, argument, value);
}

export function checkInteger(operation: string, argument: string, value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw wrongType(operation, argument, 'an integer', value);
}

/** A number that is not NaN (infinities are fine). */
export function checkNumber(operation: string, argument: string, value: unknown): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  throw wrongType(operation, argument, 'a number', value);
}

export function checkBoolean(operation: string, argument: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw wrongType(operation, argument, 'true or false', value);
}

export function checkOneOf<T extends string>(
  operation: string,
  argument: string,
  value: unknown,
  names: readonly T[],
): T {
  if (typeof value === 'string' && (names as readonly string[]).includes(value)) return value as T;
  throw wrongType(operation, argument, `one of ${names.map((name) => `'${name}'`).join(', ')}`, value);
}

/** Refuses options that do not exist: a misspelt one would otherwise be a silent default. */
export function checkOptions(operation: string, options: unknown, known: readonly string[]): void {
  if (options === undefined) return;
  if (
    typeof options !== 'object' ||
    options === null ||
    Array.isArray(options) ||
    options instanceof Tensor
  ) {
    throw wrongType(operation, 'options', 'an object', options);
  }
  for (const key in options) {
    if (!known.includes(key)) {
      throw new ArgumentError(`${operation}: unknown option '${key}' (known: ${known.join(', ')})`);
    }
  }
}

function isIntegerArray(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isSafeInteger(item))
  );
}

/** A shape: non-negative integers. */
export function checkShape(operation: string, argument: string, value: unknown): Shape {
  if (isIntegerArray(value) && value.every((size) => size >= 0)) return value;
  throw wrongType(operation, argument, 'an array of non-negative integers', value);
}

/** Integers of any sign. */
export function checkIntegers(operation: string, argument: string, value: unknown): readonly number[] {
  if (isIntegerArray(value)) return value;
  throw wrongType(operation, argument, 'an array of integers', value);
}

/** `[height, width]` of a pair given as one number or two. */
export function checkPair(
  operation: string,
  argument: string,
  value: Pair | undefined,
  fallback: number,
): [number, number] {
  if (value === undefined) return [fallback, fallback];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return [value, value];
  if (isIntegerArray(value) && value.length === 2) return [value[0]!, value[1]!];
  throw wrongType(operation, argument, 'an integer or [height, width]', value);
}

/** A dimension counted from the first, of one that may count from the last. */
export function checkDim(operation: string, argument: string, value: unknown, rank: number): number {
  const dim = checkInteger(operation, argument, value);
  // As in PyTorch, a rank 0 tensor may be addressed as if it had one dimension.
  const range = Math.max(rank, 1);
  if (dim < -range || dim >= range) {
    throw new ArgumentError(
      `${operation}: ${argument} ${dim} is out of range for a tensor of rank ${rank} (${-range} to ${range - 1})`,
    );
  }
  return dim < 0 ? dim + range : dim;
}

/** Ascending dimensions without repetition; none or an empty list means all. */
export function checkDims(operation: string, value: Dims | undefined, rank: number): number[] {
  if (value === undefined || value === null) return Array.from({ length: rank }, (_, dim) => dim);
  if (typeof value !== 'number' && !Array.isArray(value)) {
    throw wrongType(operation, 'dims', 'an integer or an array of integers', value);
  }
  const list = typeof value === 'number' ? [value] : value;
  if (list.length === 0) return Array.from({ length: rank }, (_, dim) => dim);
  const dims = list.map((dim) => checkDim(operation, 'dim', dim, rank));
  if (rank === 0) return [];
  dims.sort((a, b) => a - b);
  for (let index = 1; index < dims.length; index++) {
    if (dims[index] === dims[index - 1]) {
      throw new ArgumentError(`${operation}: dims ${show(list)} name dimension ${dims[index]} twice`);
    }
  }
  return dims;
}
