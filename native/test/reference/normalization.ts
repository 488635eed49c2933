import { generate, map, type NdArray, size } from './array.ts';

interface Affine {
  readonly weight?: NdArray | undefined;
  readonly bias?: NdArray | undefined;
}

/** Mean and biased variance of numbers, in two passes. */
export function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, variance: squares / values.length };
}

export function batchNorm(
  x: NdArray,
  mean: NdArray,
  variance: NdArray,
  { weight, bias }: Affine,
  eps: number,
): NdArray {
  return generate(x.shape, (index) => {
    const c = index[1]!;
    const value = x.data[flat(x.shape, index)]!;
    return (
      ((value - mean.data[c]!) / Math.sqrt(variance.data[c]! + eps)) * (weight?.data[c] ?? 1) +
      (bias?.data[c] ?? 0)
    );
  });
}

/** Mean and biased variance of each channel over everything else. */
export function channelMoments(x: NdArray): { mean: NdArray; variance: NdArray; count: number } {
  const [n, c] = x.shape as [number, number];
  const inner = size(x.shape.slice(2));
  const statistics = Array.from({ length: c }, (_, channel) => {
    const values: number[] = [];
    for (let image = 0; image < n; image++) {
      for (let i = 0; i < inner; i++) values.push(x.data[(image * c + channel) * inner + i]!);
    }
    return moments(values);
  });
  return {
    mean: { shape: [c], data: Float64Array.from(statistics, ({ mean }) => mean) },
    variance: { shape: [c], data: Float64Array.from(statistics, ({ variance }) => variance) },
    count: n * inner,
  };
}

/** Over the last `rank` dimensions. */
export function layerNorm(x: NdArray, rank: number, { weight, bias }: Affine, eps: number): NdArray {
  const length = size(x.shape.slice(x.shape.length - rank));
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += length) {
    const { mean, variance } = moments(x.data.subarray(start, start + length));
    for (let i = 0; i < length; i++) {
      data[start + i] =
        ((x.data[start + i]! - mean) / Math.sqrt(variance + eps)) * (weight?.data[i] ?? 1) +
        (bias?.data[i] ?? 0);
    }
  }
  return { shape: x.shape, data };
}

export function rmsNorm(x: NdArray, rank: number, weight: NdArray | undefined, eps: number): NdArray {
  const length = size(x.shape.slice(x.shape.length - rank));
  const data = new Float64Array(x.data.length);
  for (let start = 0; start < data.length; start += length) {
    const row = x.data.subarray(start, start + length);
    const meanSquare = row.reduce((sum, value) => sum + value * value, 0) / length;
    for (let i = 0; i < length; i++)
      data[start + i] = (row[i]! / Math.sqrt(meanSquare + eps)) * (weight?.data[i] ?? 1);
  }
  return { shape: x.shape, data };
}

export function groupNorm(x: NdArray, groups: number, { weight, bias }: Affine, eps: number): NdArray {
  const [, c] = x.shape as [number, number];
  const inner = size(x.shape.slice(2));
  const length = (c / groups) * inner;
  const normalized = layerNorm({ shape: [x.data.length / length, length], data: x.data }, 1, {}, eps);
  let i = 0;
  return map({ shape: x.shape, data: normalized.data }, (value) => {
    const channel = Math.floor(i++ / inner) % c;
    return value * (weight?.data[channel] ?? 1) + (bias?.data[channel] ?? 0);
  });
}

function flat(shape: readonly number[], index: readonly number[]): number {
  return index.reduce((sum, position, dim) => sum * shape[dim]! + position, 0);
}
