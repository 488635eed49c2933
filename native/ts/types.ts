/**
 * Element types. 16-bit floats are stored as their bits. There is no boolean type: comparisons give `'u8'`, 0 or 1.
 */
export type DType = 'f32' | 'f16' | 'bf16' | 'i32' | 'i64' | 'u8';

/** Where a tensor lives: the `id` of an entry of `devices()`. `'cuda'` means `'cuda:0'`. */
export type Device = 'cpu' | 'cuda' | 'cuda-emulated' | `cuda:${number}` | `cuda-emulated:${number}`;

/** A device, or `'auto'`: the first GPU that can be used, else the CPU. */
export type DeviceOption = Device | 'auto';

/** Sizes from the outermost dimension to the innermost: `[n, c, h, w]`. Rank 0 is `[]`. */
export type Shape = readonly number[];

/** The typed array that holds a dtype's elements in JavaScript. */
export interface TypedArrays {
  f32: Float32Array<ArrayBuffer>;
  /** The bits of IEEE half precision numbers. */
  f16: Uint16Array<ArrayBuffer>;
  /** The upper halves of f32 bits. */
  bf16: Uint16Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  i64: BigInt64Array<ArrayBuffer>;
  u8: Uint8Array<ArrayBuffer>;
}

/** What `Tensor.data()` resolves to: see {@link TypedArrays}. */
export type TensorData = TypedArrays[DType];

/** Typed arrays that tensors are made from. `Float64Array` is rounded to f32, `Float16Array` (where it exists) is f16. */
export type TypedArrayInput =
  | Float32Array
  | Float64Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array;

/** Numbers, arrays of numbers, arrays of arrays of numbers ... of equal lengths; bigints make i64, booleans u8. */
export type NestedArray = number | bigint | boolean | readonly NestedArray[];

/** Applied last, in the same pass as the operation it belongs to. */
export type Activation =
  | 'relu'
  | 'gelu'
  | 'gelu-tanh'
  | 'silu'
  | { readonly clamp: readonly [low: number, high: number] };

/**
 * Padding of height and width: one number for all sides, `[h, w]`, `[top, bottom, left, right]`, or `'same'` (the output
 * has the input's size; stride 1 only; the odd row goes to the bottom, the odd column to the right, as in PyTorch).
 */
export type Padding2d =
  | number
  | 'same'
  | readonly [number, number]
  | readonly [number, number, number, number];

/** One number for both of height and width, or `[height, width]`. */
export type Pair = number | readonly [number, number];

/** One dimension or several; negative ones count from the last. An empty list means all. */
export type Dims = number | readonly number[];

/** Options of everything that makes a tensor from nothing. */
export interface CreationOptions {
  /** Default `'f32'`. */
  readonly dtype?: DType | undefined;
  /** Default `'cpu'`. */
  readonly device?: DeviceOption | undefined;
}
