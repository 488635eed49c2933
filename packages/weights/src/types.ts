import type { WeightsData, WeightsDType } from './dtypes.ts';

/** What is known of a tensor without reading its elements. */
export interface TensorInfo {
  readonly dtype: WeightsDType;
  /** Sizes, outermost first; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Bytes of its elements when contiguous. */
  readonly byteLength: number;
}

/**
 * A tensor's elements, contiguous and in row-major order.
 *
 * `data` is the array of that dtype: Float64Array `f64`, Float32Array `f32`, BigInt64Array `i64`, BigUint64Array
 * `u64`, Int32Array `i32`, Uint32Array `u32`, Int16Array `i16`, Uint16Array `u16`, Int8Array `i8`, Uint8Array `u8`
 * and `bool` (0 or 1). The small floats are their bits: Uint16Array for `f16` and `bf16`, Uint8Array for `f8_*`.
 */
export interface TensorRecord {
  readonly dtype: WeightsDType;
  readonly shape: readonly number[];
  readonly data: WeightsData;
}

/** Tensors by name, in the order of the file. */
export type StateDict = Map<string, TensorRecord>;

/** Where weights come from: a path, a `file:` URL, or the bytes of a file. */
export type WeightsInput = string | URL | Uint8Array | ArrayBuffer;

/** How a file becomes a state dict. */
export interface ReadOptions {
  /**
   * `true` (default): where the tensors of a PyTorch checkpoint lie in a dict under `state_dict` or `model`, take
   * that dict. `false`: take the outermost. A string: take the dict under that key. safetensors has no nesting.
   */
  readonly unwrap?: boolean | string;
  /** Removed from all names when all have it; default `'module.'` (nn.DataParallel adds it). `false` keeps names. */
  readonly stripPrefix?: string | false;
  /**
   * Most bytes that tensors may take in memory: each one of a lazy dict, all together of `readStateDict`. A PyTorch
   * file can ask for more than it holds (expanded tensors, many views of one storage), hence a limit. Default:
   * twice the file's size and 1 MiB.
   */
  readonly maxBytes?: number;
}

/** The container that a state dict was found in. */
export type WeightsFormat = 'safetensors' | 'torch-zip' | 'torch-legacy';

/** An open file of weights: what it holds is known, elements are read when asked for. */
export interface LazyStateDict extends AsyncDisposable {
  readonly format: WeightsFormat;
  /** `__metadata__` of a safetensors file; empty for PyTorch files. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Names in the order of the file, with dtype, shape and size. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * Reads one tensor, contiguous.
   * @throws {WeightsError} when there is no such tensor or the file is damaged
   * @throws {DisposedError} after `close()`
   */
  read(name: string): Promise<TensorRecord>;
  /**
   * Reads one tensor's elements, contiguous and little-endian, into memory of the caller's, without a copy between.
   * After an error the destination's content is undefined.
   * @param destination exactly `byteLength` bytes
   * @throws {ArgumentError} when the destination has another size
   * @throws {WeightsError} when there is no such tensor or the file is damaged
   * @throws {DisposedError} after `close()`
   */
  readInto(name: string, destination: Uint8Array): Promise<void>;
  /** Closes the file; reads under way end with a DisposedError. Closing twice does nothing. */
  close(): Promise<void>;
}
