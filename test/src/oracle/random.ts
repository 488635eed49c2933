import { generator } from '@fusor/bench';
import type { HostTensor } from './onnxruntime.ts';

/** Random sizes and tensors, the same in every run for one seed. */
export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = generator(seed);
  }

  /** From `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)]!;
  }

  chance(probability = 0.5): boolean {
    return this.#next() < probability;
  }

  /** Sizes that find tails: ones, odd and prime numbers, just below and above powers of two. */
  size(): number {
    return this.pick([1, 2, 3, 5, 7, 8, 9, 13, 16, 17, 23, 31, 33]);
  }

  shape(rank: number): number[] {
    return Array.from({ length: rank }, () => this.size());
  }

  /** f32, uniform. */
  floats(shape: readonly number[], low = -1, high = 1): HostTensor {
    const data = Float32Array.from({ length: count(shape) }, () => low + (high - low) * this.#next());
    return { dtype: 'f32', shape, data };
  }

  /** i64, uniform, both bounds included. */
  integers(shape: readonly number[], low: number, high: number): HostTensor {
    const data = BigInt64Array.from({ length: count(shape) }, () => BigInt(this.integer(low, high)));
    return { dtype: 'i64', shape, data };
  }

  /** Small whole numbers as f32, so that many elements are equal. */
  wholeFloats(shape: readonly number[], low: number, high: number): HostTensor {
    const data = Float32Array.from({ length: count(shape) }, () => this.integer(low, high));
    return { dtype: 'f32', shape, data };
  }

  /** `shape` with some sizes replaced by 1 and some leading ones left out: it broadcasts to `shape`. */
  broadcastable(shape: readonly number[]): number[] {
    return shape.slice(this.integer(0, shape.length)).map((size) => (this.chance(0.3) ? 1 : size));
  }
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
