import { type DType, Tensor } from '@fusor/native';
import type { OnnxDataType, OnnxTensor } from './model.ts';

/** The runner does not do this, and says what "this" is. Counted by reason; not a failure. */
export class Refusal extends Error {}

/**
 * The element type a Fusor tensor has for one of ONNX. Booleans are u8 here, 0 or 1; doubles are narrowed to f32, and
 * such cases are counted apart. Other types do not exist here.
 */
export function fusorDType(dataType: OnnxDataType): DType {
  switch (dataType) {
    case 'float':
    case 'double':
      return 'f32';
    case 'float16':
      return 'f16';
    case 'bfloat16':
      return 'bf16';
    case 'int32':
      return 'i32';
    case 'int64':
      return 'i64';
    case 'uint8':
    case 'bool':
      return 'u8';
    default:
      throw new Refusal(`${dataType} tensors`);
  }
}

/** Copies a recorded tensor into the engine. */
export function toTensor(source: OnnxTensor): Tensor {
  const dtype = fusorDType(source.dataType);
  const elements = elementsOf(source);
  const data = source.dataType === 'double' ? narrow(elements as Float64Array) : elements;
  return Tensor.from(data as Exclude<typeof data, Float64Array>, source.shape, { dtype });
}

function narrow(elements: Float64Array): Float32Array {
  const narrowed = Float32Array.from(elements);
  const isLost = (value: number, index: number) =>
    Number.isFinite(value) && (!Number.isFinite(narrowed[index]) || (narrowed[index] === 0 && value !== 0));
  if (elements.some(isLost)) throw new Refusal('f64 numbers outside the range of f32');
  return narrowed;
}

/** The bytes of a recorded tensor as elements; 16-bit floats stay bits. */
function elementsOf(source: OnnxTensor) {
  const { buffer } = source.bytes;
  switch (source.dataType) {
    case 'float':
      return new Float32Array(buffer);
    case 'double':
      return new Float64Array(buffer);
    case 'float16':
    case 'bfloat16':
      return new Uint16Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'int64':
      return new BigInt64Array(buffer);
    case 'uint8':
    case 'bool':
      return source.bytes;
    default:
      throw new Refusal(`${source.dataType} tensors`);
  }
}

/** The elements of a recorded tensor as numbers, 16-bit floats decoded. */
export function numbersOf(source: OnnxTensor): Float64Array {
  const elements = elementsOf(source);
  if (source.dataType === 'float16') return Float64Array.from(elements as Uint16Array, decodeFloat16);
  if (source.dataType === 'bfloat16') return Float64Array.from(elements as Uint16Array, decodeBfloat16);
  return Float64Array.from(elements as ArrayLike<number | bigint>, Number);
}

/** The elements of a tensor of the engine as numbers, in logical order. */
export async function numbersOfTensor(tensor: Tensor): Promise<Float64Array> {
  const data = await tensor.data();
  if (tensor.dtype === 'f16') return Float64Array.from(data as Uint16Array, decodeFloat16);
  if (tensor.dtype === 'bf16') return Float64Array.from(data as Uint16Array, decodeBfloat16);
  return Float64Array.from(data as ArrayLike<number | bigint>, Number);
}

/** IEEE binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. */
function decodeFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16: the upper half of a float. */
function decodeBfloat16(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, bits);
  return view.getFloat32(0);
}
