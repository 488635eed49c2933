import {
  bytesOf,
  doublesOf,
  type Field,
  floatsOf,
  integerOf,
  integersOf,
  readFields,
  textOf,
} from './protobuf.ts';

/** Element types by their number in onnx.proto's `TensorProto.DataType`. */
const dataTypes = [
  'undefined',
  'float',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'double',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
] as const;

export type OnnxDataType = (typeof dataTypes)[number];

/**
 * A tensor as a file holds it: elements in row-major order, little endian. `bool` has one byte an element, 16-bit
 * floats are their bits. A `string` tensor has `strings` instead of bytes.
 */
export interface OnnxTensor {
  readonly name: string;
  readonly dataType: OnnxDataType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly strings: readonly string[];
}

/** What an attribute holds: integers are bigint, floats number, so that the two stay apart. */
export type AttributeValue =
  | number
  | bigint
  | string
  | number[]
  | bigint[]
  | string[]
  | OnnxTensor
  | OnnxGraph
  | 'unreadable';

export interface OnnxNode {
  readonly operator: string;
  readonly domain: string;
  /** An empty name stands for an absent optional input or output. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

export interface OnnxValueInfo {
  readonly name: string;
  /** Sequences, maps and optionals are not tensors. */
  readonly kind: 'tensor' | 'other';
  readonly dataType: OnnxDataType;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

export interface OnnxModel {
  readonly graph: OnnxGraph;
  /** Version of the operator set per domain; the default domain is `''`. */
  readonly operatorSets: ReadonlyMap<string, number>;
}

/** Reads a `ModelProto` (field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). */
export function readModel(file: Uint8Array): OnnxModel {
  let graph: OnnxGraph | undefined;
  const operatorSets = new Map<string, number>();
  for (const field of readFields(file)) {
    if (field.number === 7) graph = readGraph(bytesOf(field));
    if (field.number === 8) {
      let domain = '';
      let version = 0;
      for (const part of readFields(bytesOf(field))) {
        if (part.number === 1) domain = textOf(part);
        if (part.number === 2) version = Number(integerOf(part));
      }
      operatorSets.set(domain === 'ai.onnx' ? '' : domain, version);
    }
  }
  if (graph === undefined) throw new Error('onnx: the file has no graph');
  return { graph, operatorSets };
}

function readGraph(message: Uint8Array): OnnxGraph {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxTensor[] = [];
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  for (const field of readFields(message)) {
    if (field.number === 1) nodes.push(readNode(bytesOf(field)));
    if (field.number === 5) initializers.push(readTensor(bytesOf(field)));
    if (field.number === 11) inputs.push(readValueInfo(bytesOf(field)));
    if (field.number === 12) outputs.push(readValueInfo(bytesOf(field)));
  }
  return { nodes, initializers, inputs, outputs };
}

function readNode(message: Uint8Array): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, AttributeValue>();
  let operator = '';
  let domain = '';
  for (const field of readFields(message)) {
    if (field.number === 1) inputs.push(textOf(field));
    if (field.number === 2) outputs.push(textOf(field));
    if (field.number === 4) operator = textOf(field);
    if (field.number === 5) {
      const [name, value] = readAttribute(bytesOf(field));
      attributes.set(name, value);
    }
    if (field.number === 7) domain = textOf(field);
  }
  return { operator, domain, inputs, outputs, attributes };
}

/** The list fields of an attribute start empty, so `type` (field 20) says which one is meant. */
function readAttribute(message: Uint8Array): [name: string, value: AttributeValue] {
  let name = '';
  let type = 0;
  let single: AttributeValue = 'unreadable';
  const floats: number[] = [];
  const integers: bigint[] = [];
  const strings: string[] = [];
  for (const field of readFields(message)) {
    switch (field.number) {
      case 1:
        name = textOf(field);
        break;
      case 2:
        single = floatsOf(field)[0] ?? 0;
        break;
      case 3:
        single = integerOf(field);
        break;
      case 4:
        single = textOf(field);
        break;
      case 5:
        single = readTensor(bytesOf(field));
        break;
      case 6:
        single = readGraph(bytesOf(field));
        break;
      case 7:
        floats.push(...floatsOf(field));
        break;
      case 8:
        integers.push(...integersOf(field));
        break;
      case 9:
        strings.push(textOf(field));
        break;
      case 20:
        type = Number(integerOf(field));
        break;
    }
  }
  if (type === 6) return [name, floats];
  if (type === 7) return [name, integers];
  if (type === 8) return [name, strings];
  return [name, single];
}

function readValueInfo(message: Uint8Array): OnnxValueInfo {
  let name = '';
  let kind: OnnxValueInfo['kind'] = 'other';
  let dataType: OnnxDataType = 'undefined';
  for (const field of readFields(message)) {
    if (field.number === 1) name = textOf(field);
    if (field.number === 2) {
      for (const type of readFields(bytesOf(field))) {
        if (type.number !== 1) continue;
        kind = 'tensor';
        for (const part of readFields(bytesOf(type))) {
          if (part.number === 1) dataType = dataTypeOf(part);
        }
      }
    }
  }
  return { name, kind, dataType };
}

/** Reads a `TensorProto`: a `.pb` file of the test data, an initializer or an attribute. */
export function readTensor(message: Uint8Array): OnnxTensor {
  const shape: number[] = [];
  const floats: number[] = [];
  const int32s: bigint[] = [];
  const int64s: bigint[] = [];
  const doubles: number[] = [];
  const strings: string[] = [];
  let dataType: OnnxDataType = 'undefined';
  let name = '';
  let raw: Uint8Array | undefined;
  for (const field of readFields(message)) {
    switch (field.number) {
      case 1:
        shape.push(...integersOf(field).map(Number));
        break;
      case 2:
        dataType = dataTypeOf(field);
        break;
      case 4:
        floats.push(...floatsOf(field));
        break;
      case 5:
        int32s.push(...integersOf(field));
        break;
      case 6:
        strings.push(textOf(field));
        break;
      case 7:
      case 11: // uint64_data: the same bits
        int64s.push(...integersOf(field));
        break;
      case 8:
        name = textOf(field);
        break;
      case 9:
        raw = bytesOf(field);
        break;
      case 10:
        doubles.push(...doublesOf(field));
        break;
      case 14:
        if (integerOf(field) !== 0n) throw new Error(`onnx: tensor '${name}' lies in a file of its own`);
        break;
    }
  }
  const bytes =
    raw === undefined
      ? bytesOfItems(dataType, { floats, int32s, int64s, doubles })
      : // A copy, so that typed arrays may be laid over it: the file's bytes may start anywhere.
        new Uint8Array(raw);
  return { name, dataType, shape, bytes, strings };
}

/** Which typed field holds the elements of which type (the comments in onnx.proto), as the bytes `raw_data` would have. */
function bytesOfItems(
  dataType: OnnxDataType,
  items: { floats: number[]; int32s: bigint[]; int64s: bigint[]; doubles: number[] },
): Uint8Array<ArrayBuffer> {
  const smaller = (): number[] => items.int32s.map(Number);
  const array = (() => {
    switch (dataType) {
      case 'float':
      case 'complex64':
        return Float32Array.from(items.floats);
      case 'double':
      case 'complex128':
        return Float64Array.from(items.doubles);
      case 'int64':
        return BigInt64Array.from(items.int64s);
      case 'uint64':
        return BigUint64Array.from(items.int64s);
      case 'uint32':
        return Uint32Array.from(items.int64s.map(Number));
      case 'int32':
        return Int32Array.from(smaller());
      case 'int16':
        return Int16Array.from(smaller());
      case 'uint16':
      case 'float16':
      case 'bfloat16':
        return Uint16Array.from(smaller());
      case 'int8':
        return Int8Array.from(smaller());
      case 'uint8':
      case 'bool':
        return Uint8Array.from(smaller());
      case 'string':
      case 'undefined':
        return new Uint8Array(0);
    }
  })();
  return new Uint8Array(array.buffer);
}

function dataTypeOf(field: Field): OnnxDataType {
  const type = dataTypes[Number(integerOf(field))];
  if (type === undefined) throw new Error(`onnx: element type ${integerOf(field)} is not known`);
  return type;
}
