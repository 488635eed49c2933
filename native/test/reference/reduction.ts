import { generate, type NdArray, stridesOf } from './array.ts';
import { moments } from './normalization.ts';

type Reducer = (values: readonly number[]) => number;

/** By the method's name on Tensor. */
export const reducers: Readonly<Record<string, Reducer>> = {
  sum: (values) => values.reduce((a, b) => a + b, 0),
  mean: (values) => moments(values).mean,
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
  prod: (values) => values.reduce((a, b) => a * b, 1),
  variance: (values) => (moments(values).variance * values.length) / (values.length - 1),
  any: (values) => Number(values.some((value) => value !== 0)),
  all: (values) => Number(values.every((value) => value !== 0)),
};

/** Reduces over `dims`, which are left out of the result (or kept as 1). */
export function reduce(x: NdArray, dims: readonly number[], reducer: Reducer, keepDims = false): NdArray {
  const kept = x.shape.map((_, dim) => dim).filter((dim) => !dims.includes(dim));
  const strides = stridesOf(x.shape);
  const shape = keepDims
    ? x.shape.map((extent, dim) => (dims.includes(dim) ? 1 : extent))
    : kept.map((dim) => x.shape[dim]!);
  const inner = generate(
    dims.map((dim) => x.shape[dim]!),
    (index) => index.reduce((sum, position, i) => sum + position * strides[dims[i]!]!, 0),
  ).data;
  return generate(shape, (index) => {
    const start = kept.reduce((sum, dim, i) => sum + (keepDims ? index[dim]! : index[i]!) * strides[dim]!, 0);
    return reducer(Array.from(inner, (offset) => x.data[start + offset]!));
  });
}

/** Replaces every row along `dim` by what `fn` makes of it. */
export function alongDim(x: NdArray, dim: number, fn: (row: number[]) => ArrayLike<number>): NdArray {
  const strides = stridesOf(x.shape);
  const length = x.shape[dim] ?? 1;
  const step = strides[dim] ?? 1;
  let shape = [...x.shape];
  let result: Float64Array | undefined;
  let resultStrides: number[] = [];
  const rows = generate(
    x.shape.map((extent, i) => (i === dim ? 1 : extent)),
    (index) => index.reduce((sum, position, i) => sum + position * strides[i]!, 0),
  );
  const outer = generate(rows.shape, () => 0);
  for (const [i, start] of rows.data.entries()) {
    const row = fn(Array.from({ length }, (_, k) => x.data[start + k * step]!));
    if (result === undefined) {
      shape = shape.map((extent, at) => (at === dim ? row.length : extent));
      result = new Float64Array(outer.data.length * row.length);
      resultStrides = stridesOf(shape);
    }
    // The row's index without `dim`, in the result's strides.
    let rest = i;
    let target = 0;
    for (let at = x.shape.length - 1; at >= 0; at--) {
      const extent = rows.shape[at]!;
      target += (rest % extent) * resultStrides[at]!;
      rest = Math.floor(rest / extent);
    }
    for (let k = 0; k < row.length; k++) result[target + k * (resultStrides[dim] ?? 1)] = row[k]!;
  }
  return { shape, data: result ?? new Float64Array() };
}

export function softmax(row: readonly number[]): number[] {
  const greatest = Math.max(...row);
  const exponentials = row.map((value) => Math.exp(value - greatest));
  const total = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / total);
}

/** Positions in order of value, equal ones by position. */
export function order(row: readonly number[], largest: boolean): number[] {
  return row.map((_, i) => i).sort((a, b) => (largest ? row[b]! - row[a]! : row[a]! - row[b]!) || a - b);
}
