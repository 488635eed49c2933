import { refuse } from './refuse.ts';

/** More dimensions than any tensor has (PyTorch's iterators stop at 64 too); bounds the work on a shape. */
export const MAX_RANK = 64;

/**
 * Product of a shape, times the element size.
 * @throws {WeightsError} when it is past 2^53, where numbers stop being exact
 */
export function byteLengthOf(shape: readonly number[], elementBytes: number, what: string): number {
  // A zero anywhere makes the product zero, whatever the others would overflow to.
  if (shape.includes(0)) return 0;
  let bytes = elementBytes;
  for (const size of shape) {
    bytes *= size;
    if (bytes > Number.MAX_SAFE_INTEGER) refuse(`${what}: shape [${shape.join(', ')}] overflows`);
  }
  return bytes;
}

/** Strides in elements of a contiguous tensor of that shape. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= Math.max(shape[axis]!, 1);
  }
  return strides;
}
