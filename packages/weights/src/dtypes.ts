import { OutOfMemoryError } from '@fusor/errors';

/** Arrays that hold the elements of a tensor; which dtype uses which is told at {@link TensorRecord}. */
export type WeightsData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/**
 * Element types that a weights file can hold here. Beyond these, safetensors knows `F4`, `F6_*` (elements smaller
 * than a byte) and `C64`, and PyTorch complex, quantized and sparse tensors: a file with one of them is refused.
 */
export type WeightsDType =
  | 'f64'
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'i64'
  | 'i32'
  | 'i16'
  | 'i8'
  | 'u8'
  | 'bool'
  | 'u64'
  | 'u32'
  | 'u16'
  | 'f8_e4m3'
  | 'f8_e5m2'
  | 'f8_e8m0'
  | 'f8_e4m3fnuz'
  | 'f8_e5m2fnuz';

type DataConstructor = {
  new (buffer: ArrayBuffer): WeightsData;
  readonly name: string;
};

/** How one dtype is called and stored. */
export interface DTypeTraits {
  readonly dtype: WeightsDType;
  /** Bytes per element. */
  readonly bytes: number;
  /** Its name in a safetensors header. */
  readonly safetensors: string;
  /** Its name as a `torch.dtype`: `float32` for `torch.float32`. */
  readonly torch: string;
  /** The class of its storages in PyTorch files; newer dtypes have none and use an untyped storage. */
  readonly torchStorage?: string;
  readonly array: DataConstructor;
}

/**
 * All dtypes, in the order of the reference implementation of safetensors, which writes tensors by descending
 * place in this list: wide elements come first, so every tensor lies aligned to its element size.
 */
const TRAITS: readonly DTypeTraits[] = [
  {
    dtype: 'bool',
    bytes: 1,
    safetensors: 'BOOL',
    torch: 'bool',
    torchStorage: 'BoolStorage',
    array: Uint8Array,
  },
  {
    dtype: 'u8',
    bytes: 1,
    safetensors: 'U8',
    torch: 'uint8',
    torchStorage: 'ByteStorage',
    array: Uint8Array,
  },
  { dtype: 'i8', bytes: 1, safetensors: 'I8', torch: 'int8', torchStorage: 'CharStorage', array: Int8Array },
  { dtype: 'f8_e5m2', bytes: 1, safetensors: 'F8_E5M2', torch: 'float8_e5m2', array: Uint8Array },
  { dtype: 'f8_e4m3', bytes: 1, safetensors: 'F8_E4M3', torch: 'float8_e4m3fn', array: Uint8Array },
  { dtype: 'f8_e8m0', bytes: 1, safetensors: 'F8_E8M0', torch: 'float8_e8m0fnu', array: Uint8Array },
  { dtype: 'f8_e4m3fnuz', bytes: 1, safetensors: 'F8_E4M3FNUZ', torch: 'float8_e4m3fnuz', array: Uint8Array },
  { dtype: 'f8_e5m2fnuz', bytes: 1, safetensors: 'F8_E5M2FNUZ', torch: 'float8_e5m2fnuz', array: Uint8Array },
  {
    dtype: 'i16',
    bytes: 2,
    safetensors: 'I16',
    torch: 'int16',
    torchStorage: 'ShortStorage',
    array: Int16Array,
  },
  { dtype: 'u16', bytes: 2, safetensors: 'U16', torch: 'uint16', array: Uint16Array },
  {
    dtype: 'f16',
    bytes: 2,
    safetensors: 'F16',
    torch: 'float16',
    torchStorage: 'HalfStorage',
    array: Uint16Array,
  },
  {
    dtype: 'bf16',
    bytes: 2,
    safetensors: 'BF16',
    torch: 'bfloat16',
    torchStorage: 'BFloat16Storage',
    array: Uint16Array,
  },
  {
    dtype: 'i32',
    bytes: 4,
    safetensors: 'I32',
    torch: 'int32',
    torchStorage: 'IntStorage',
    array: Int32Array,
  },
  { dtype: 'u32', bytes: 4, safetensors: 'U32', torch: 'uint32', array: Uint32Array },
  {
    dtype: 'f32',
    bytes: 4,
    safetensors: 'F32',
    torch: 'float32',
    torchStorage: 'FloatStorage',
    array: Float32Array,
  },
  {
    dtype: 'f64',
    bytes: 8,
    safetensors: 'F64',
    torch: 'float64',
    torchStorage: 'DoubleStorage',
    array: Float64Array,
  },
  {
    dtype: 'i64',
    bytes: 8,
    safetensors: 'I64',
    torch: 'int64',
    torchStorage: 'LongStorage',
    array: BigInt64Array,
  },
  { dtype: 'u64', bytes: 8, safetensors: 'U64', torch: 'uint64', array: BigUint64Array },
];

const BY_DTYPE = new Map<string, DTypeTraits>(TRAITS.map((traits) => [traits.dtype, traits]));
const BY_SAFETENSORS = new Map<string, DTypeTraits>(TRAITS.map((traits) => [traits.safetensors, traits]));
const RANK = new Map<DTypeTraits, number>(TRAITS.map((traits, index) => [traits, index]));

/** Every dtype, narrow ones first. */
export const allDTypes: readonly DTypeTraits[] = TRAITS;

/** Traits of one of our dtypes; undefined for any other string. */
export function traitsOf(dtype: string): DTypeTraits | undefined {
  return BY_DTYPE.get(dtype);
}

/** Traits by the name in a safetensors header; undefined for a name we cannot hold. */
export function traitsOfSafetensors(name: string): DTypeTraits | undefined {
  return BY_SAFETENSORS.get(name);
}

/** Place of a dtype in the reference's order of alignment. */
export function alignmentRank(traits: DTypeTraits): number {
  return RANK.get(traits)!;
}

/**
 * The one place where memory for tensors and slices is taken, always after the size was checked against the file.
 * @throws {OutOfMemoryError} when the process cannot have that much
 */
export function allocate(byteLength: number): ArrayBuffer {
  try {
    return new ArrayBuffer(byteLength);
  } catch (error) {
    throw new OutOfMemoryError(`cannot allocate ${byteLength} bytes for weights`, { cause: error });
  }
}
