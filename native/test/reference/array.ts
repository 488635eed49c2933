/** Arrays in f64 with plain loops: slow, obvious, and the judge of every kernel. */
export interface NdArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export function size(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let dim = shape.length - 2; dim >= 0; dim--) strides[dim] = strides[dim + 1]! * shape[dim + 1]!;
  return strides;
}

/** An array whose element at each index is `value(index)`. */
export function generate(shape: readonly number[], value: (index: readonly number[]) => number): NdArray {
  const data = new Float64Array(size(shape));
  const index = new Array<number>(shape.length).fill(0);
  for (let flat = 0; flat < data.length; flat++) {
    data[flat] = value(index);
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      index[dim] = index[dim]! + 1;
      if (index[dim]! < shape[dim]!) break;
      index[dim] = 0;
    }
  }
  return { shape: [...shape], data };
}

/** The element at an index, which may have more (leading) dimensions than the array and broadcasts. */
export function at(array: NdArray, index: readonly number[]): number {
  const strides = stridesOf(array.shape);
  const extra = index.length - array.shape.length;
  let flat = 0;
  for (let dim = 0; dim < array.shape.length; dim++) {
    flat += (array.shape[dim] === 1 ? 0 : index[dim + extra]!) * strides[dim]!;
  }
  return array.data[flat]!;
}

export function broadcastShape(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, dim) => {
    const sizes = shapes.map((shape) => shape[dim - (rank - shape.length)] ?? 1);
    return sizes.find((extent) => extent !== 1) ?? 1;
  });
}

export function map(array: NdArray, fn: (value: number) => number): NdArray {
  return { shape: array.shape, data: array.data.map(fn) };
}

export function zip(a: NdArray, b: NdArray, fn: (a: number, b: number) => number): NdArray {
  return generate(broadcastShape(a.shape, b.shape), (index) => fn(at(a, index), at(b, index)));
}

/** Reproducible numbers, equal on every machine: a linear congruential generator in 32-bit integers. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** 0 <= x < 1 */
  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state / 2 ** 32;
  }

  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** Values that f32 holds exactly, so that only the kernels round. */
  array(shape: readonly number[], low = -1, high = 1): NdArray {
    return generate(shape, () => Math.fround(low + (high - low) * this.next()));
  }

  integers(shape: readonly number[], low: number, high: number): NdArray {
    return generate(shape, () => this.integer(low, high));
  }
}
