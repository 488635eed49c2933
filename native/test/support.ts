import {
  type CreationOptions,
  type DeviceOption,
  type NestedArray,
  Tensor,
  type TypedArrayInput,
} from '@fusor/native';
import { expect } from 'vitest';
import type { NdArray } from './reference/array.ts';

/** The distance from 1 to the next f32. */
export const EPSILON = 2 ** -23;

/** Where the tests of operations run: vitest.config.ts runs them once for each device that a checkout has. */
export const testDevice: DeviceOption = (process.env.FUSOR_TEST_DEVICE ?? 'cpu') as DeviceOption;

/** Tensors on {@link testDevice}. */
export const make = {
  from: (data: TypedArrayInput | NestedArray, shape?: readonly number[], options?: CreationOptions): Tensor =>
    Tensor.from(data, shape, { device: testDevice, ...options }),
  zeros: (shape: readonly number[], options?: CreationOptions): Tensor =>
    Tensor.zeros(shape, { device: testDevice, ...options }),
  full: (shape: readonly number[], value: number, options?: CreationOptions): Tensor =>
    Tensor.full(shape, value, { device: testDevice, ...options }),
  arange: (count: number): Tensor => Tensor.arange(0, count, 1, { device: testDevice }),
};

export function tensorOf(array: NdArray, dtype: 'f32' | 'i32' | 'i64' | 'u8' = 'f32'): Tensor {
  const data =
    dtype === 'i64'
      ? BigInt64Array.from(array.data, (value) => BigInt(value))
      : dtypeArrays[dtype].from(array.data);
  return make.from(data, array.shape);
}

const dtypeArrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };

/** The elements as plain numbers. */
export async function numbers(tensor: Tensor): Promise<number[]> {
  return Array.from(await tensor.data(), Number);
}

/** Shape and elements, exactly, but for the sign of 0. */
export async function expectExactly(tensor: Tensor, expected: NdArray): Promise<void> {
  expect(tensor.shape).toEqual(expected.shape);
  const withoutSign = (value: number) => value + 0;
  expect((await numbers(tensor)).map(withoutSign)).toEqual(Array.from(expected.data, withoutSign));
}

/** Every element within `tolerance` of the expected one; NaN and infinities exactly. */
export async function expectClose(tensor: Tensor, expected: NdArray, tolerance: number): Promise<void> {
  expect(tensor.shape).toEqual(expected.shape);
  const actual = await numbers(tensor);
  let worst = 0;
  let at = -1;
  for (const [i, value] of actual.entries()) {
    const wanted = expected.data[i]!;
    const same = Object.is(value, wanted) || value === wanted;
    const error = same ? 0 : Math.abs(value - wanted);
    if (!(error <= worst)) {
      worst = error;
      at = i;
      if (Number.isNaN(error)) break;
    }
  }
  if (!(worst <= tolerance)) {
    expect.fail(
      `element ${at} of ${tensor}: got ${actual[at]}, expected ${expected.data[at]} (off by ${worst}, allowed ${tolerance})`,
    );
  }
}

/** The greatest absolute value. */
export function magnitude(array: NdArray): number {
  return array.data.reduce((greatest, value) => Math.max(greatest, Math.abs(value)), 0);
}
