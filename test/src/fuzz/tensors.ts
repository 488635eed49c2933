import { type DType, ops, Tensor } from '@fusor/native';
import type { Random } from '../oracle/random.ts';

const dtypes: readonly DType[] = ['f32', 'f16', 'bf16', 'i32', 'i64', 'u8'];

/** A tensor of any dtype, rank 0 to 5, some sizes 0; contiguous or a view of one that is not. */
export function anyTensor(random: Random): Tensor {
  const shape = Array.from({ length: random.integer(0, 5) }, () => random.pick([0, 1, 1, 2, 3, 4, 5]));
  return converted(random, viewed(random, shape), random.pick(dtypes));
}

/** An f32 tensor of a given shape; often a view whose elements do not lie in order. */
export function viewed(random: Random, shape: readonly number[]): Tensor {
  const rank = shape.length;
  if (rank > 0 && random.chance(0.2)) {
    const order = shuffled(
      random,
      shape.map((_, dim) => dim),
    );
    const inverse = order.map((_, dim) => order.indexOf(dim));
    return ops.permute(
      fresh(
        random,
        order.map((dim) => shape[dim]!),
      ),
      inverse,
    );
  }
  if (rank > 0 && random.chance(0.2)) {
    const dim = random.integer(0, rank - 1);
    const step = random.integer(1, 3);
    const start = random.integer(0, 2);
    const larger = shape.map((size, at) => (at === dim ? start + size * step : size));
    return ops.slice(fresh(random, larger), dim, start, start + shape[dim]! * step, step);
  }
  if (rank > 0 && random.chance(0.1)) {
    return ops.expand(
      fresh(
        random,
        shape.map((size) => (random.chance() ? 1 : size)),
      ),
      shape,
    );
  }
  return fresh(random, shape);
}

/** Elements of a given shape in order; now and then one that is no number, or too large to square. */
export function fresh(random: Random, shape: readonly number[]): Tensor {
  const { data } = random.floats(shape, -2, 2);
  if (data.length > 0 && random.chance(0.1)) {
    data[random.integer(0, data.length - 1)] = random.pick([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      3e38,
      -0,
    ]);
  }
  return Tensor.from(data as Float32Array, shape);
}

/** i64 indices from 0 to `size` - 1; now and then one outside. */
export function indices(random: Random, shape: readonly number[], size: number): Tensor {
  const { data } = random.integers(shape, 0, Math.max(0, size - 1));
  if (data.length > 0 && random.chance(0.1)) {
    (data as BigInt64Array)[0] = random.pick([-1n, BigInt(size), 2n ** 62n, -(2n ** 63n)]);
  }
  return Tensor.from(data as BigInt64Array, shape);
}

function converted(random: Random, x: Tensor, dtype: DType): Tensor {
  return dtype === 'f32' || random.chance(0.3) ? x : ops.convert(x, dtype);
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; --last) {
    const other = random.integer(0, last);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
