import { TraceError } from '@fusor/errors';
import { Tensor } from '@fusor/native';

/** One leaf, or leaves in tuples and records, nested as `forward` returned them; null where there was no tensor. */
export type Structure<Leaf> =
  | Leaf
  | null
  | readonly Structure<Leaf>[]
  | { readonly [name: string]: Structure<Leaf> };

/**
 * The tensors of a returned value in order, and the value with each tensor replaced by its place.
 * @throws {TraceError} for anything in it that is neither a tensor, an array, a plain record, null nor undefined
 */
export function flattenResult(result: unknown): { tensors: Tensor[]; structure: Structure<number> } {
  const tensors: Tensor[] = [];
  const visit = (value: unknown, path: string): Structure<number> => {
    if (value instanceof Tensor) return tensors.push(value) - 1;
    if (value === null || value === undefined) return null;
    if (Array.isArray(value)) return value.map((item, index) => visit(item, `${path}[${index}]`));
    if (isPlainRecord(value)) {
      return Object.fromEntries(
        Object.entries(value).map(([name, item]) => [name, visit(item, `${path}.${name}`)]),
      );
    }
    throw new TraceError(
      `compile: forward must return a tensor, or tensors in arrays and plain objects; ${path} is ${describe(value)}`,
    );
  };
  return { tensors, structure: visit(result, 'the result') };
}

/** A structure with its leaves replaced. */
export function mapStructure<From extends number | string, To>(
  structure: Structure<From>,
  leaf: (value: From) => To,
): Structure<To> {
  if (structure === null) return null;
  if (typeof structure !== 'object') return leaf(structure);
  if (Array.isArray(structure)) return structure.map((item: Structure<From>) => mapStructure(item, leaf));
  return Object.fromEntries(
    Object.entries(structure).map(([name, item]) => [name, mapStructure(item as Structure<From>, leaf)]),
  );
}

/** The tensors in a value, which may also hold other things. */
export function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  return isPlainRecord(value) ? Object.values(value).flatMap(tensorsIn) : [];
}

/** Whether a value is an object literal or a record without prototype. */
export function isPlainRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    return `an instance of ${value.constructor?.name ?? 'Object'}`;
  return `${typeof value} ${String(value)}`;
}
