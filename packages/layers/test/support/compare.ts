import type { Tensor } from '@fusor/native';
import { expect } from 'vitest';

/** Elements as numbers. */
export async function numbers(tensor: Tensor): Promise<number[]> {
  return Array.from((await tensor.data()) as Float32Array, Number);
}

/**
 * Expects elements that differ by at most `tolerance` times the greatest magnitude (at least 1). NaN and infinities
 * must be equal.
 */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 2e-6): void {
  expect(actual.length).toBe(expected.length);
  let scale = 1;
  for (let i = 0; i < expected.length; i++) {
    if (Number.isFinite(expected[i]!)) scale = Math.max(scale, Math.abs(expected[i]!));
  }
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    const close = Number.isFinite(e) ? Math.abs(a - e) <= tolerance * scale : Object.is(a, e);
    if (!close) expect.fail(`element ${i} is ${a}, expected ${e} (within ${tolerance * scale})`);
  }
}

/** Expects a tensor of a shape with elements close to those of another. */
export async function expectTensorsClose(
  actual: Tensor,
  expected: Tensor,
  tolerance?: number,
): Promise<void> {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.dtype).toBe(expected.dtype);
  expectClose(await numbers(actual), await numbers(expected), tolerance);
}
