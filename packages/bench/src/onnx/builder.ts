import { ArgumentError } from '@fusor/errors';
import { ProtobufWriter } from './protobuf.ts';

/** Element types an ONNX file can name and that tensors here can have. */
export type OnnxDType = 'f32' | 'f16' | 'bf16' | 'i32' | 'i64' | 'u8' | 'bool' | 'f64';

/** An attribute of a node. ONNX tells an integer from a float by type, which a JavaScript number does not. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string };

/** A size, or the name of a free one (`'n'`). */
export type OnnxDimension = number | string;

/**
 * Version of the operator set that files use unless told otherwise. 17 is the first with LayerNormalization, and old
 * enough that every optimisation of every reader knows its operators.
 */
export const onnxOpset = 17;

/** The oldest file format that may hold an operator set (onnx/onnx, docs/Versioning.md). */
function irVersionFor(opset: number): number {
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  if (opset <= 22) return 10;
  return 11;
}

export interface OnnxGraphOptions {
  /** Stored as the graph's name. */
  readonly name?: string;
  /** Version of the default operator set, 17 or newer. */
  readonly opset?: number;
}

/** protobuf refuses messages of 2 GiB and more; ONNX then wants weights in files of their own. */
const largestFile = 2 ** 31 - 1;

/** `TensorProto.DataType` of onnx.proto, and the bytes of one element. */
const dataTypes: Record<OnnxDType, { readonly code: number; readonly bytes: number }> = {
  f32: { code: 1, bytes: 4 },
  u8: { code: 2, bytes: 1 },
  i32: { code: 6, bytes: 4 },
  i64: { code: 7, bytes: 8 },
  bool: { code: 9, bytes: 1 },
  f16: { code: 10, bytes: 2 },
  f64: { code: 11, bytes: 8 },
  bf16: { code: 16, bytes: 2 },
};

/**
 * Writes an ONNX model: inputs, constants, nodes in an order in which they can run, outputs.
 *
 * ```ts
 * const builder = new OnnxGraphBuilder();
 * builder.addInput('x', 'f32', ['n', 3]);
 * builder.addInitializer('w', 'f32', [3, 2], weights);
 * builder.addNode('MatMul', ['x', 'w'], ['y']);
 * builder.addOutput('y', 'f32', ['n', 2]);
 * const file = builder.finish();
 * ```
 *
 * Every name is checked where it is used: a node that reads a value nobody made is an error here, with the node's name,
 * rather than in whatever reads the file.
 */
export class OnnxGraphBuilder {
  readonly #name: string;
  readonly #opset: number;
  readonly #nodes: ProtobufWriter[] = [];
  readonly #initializers: ProtobufWriter[] = [];
  readonly #inputs: ProtobufWriter[] = [];
  readonly #outputs: ProtobufWriter[] = [];
  readonly #known = new Set<string>();
  #weightBytes = 0;

  constructor({ name = 'fusor', opset = onnxOpset }: OnnxGraphOptions = {}) {
    if (!Number.isInteger(opset) || opset < onnxOpset) {
      throw new ArgumentError(`onnx: opset is ${opset}; operator sets from ${onnxOpset} on are written`);
    }
    this.#name = name;
    this.#opset = opset;
  }

  addInput(name: string, dtype: OnnxDType, shape: readonly OnnxDimension[]): void {
    this.#define(name, 'input');
    this.#inputs.push(valueInfo(name, dtype, shape));
  }

  /** Without a shape, the reader finds it out. */
  addOutput(name: string, dtype: OnnxDType, shape?: readonly OnnxDimension[]): void {
    this.#mustKnow(name, 'output');
    this.#outputs.push(valueInfo(name, dtype, shape));
  }

  /**
   * A constant. `data` holds the elements in row-major order, little endian (16-bit floats as their bits); it is read
   * at `finish()`, not copied before.
   */
  addInitializer(name: string, dtype: OnnxDType, shape: readonly number[], data: ArrayBufferView): void {
    const { code, bytes } = dataTypes[dtype];
    const expected = shape.reduce((product, size) => product * size, bytes);
    if (data.byteLength !== expected) {
      throw new ArgumentError(
        `onnx: initializer '${name}' ${dtype} [${shape.join(', ')}] needs ${expected} bytes but data has ${data.byteLength}`,
      );
    }
    this.#define(name, 'initializer');
    this.#weightBytes += data.byteLength;
    this.#checkSize(this.#weightBytes);
    const tensor = new ProtobufWriter();
    for (const size of shape) tensor.int(Field.tensor.dims, size);
    this.#initializers.push(
      tensor
        .int(Field.tensor.dataType, code)
        .string(Field.tensor.name, name)
        .bytes(Field.tensor.rawData, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    );
  }

  /** A node of the default operator set. An empty input name means that the optional input is absent. */
  addNode(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): void {
    const node = new ProtobufWriter();
    for (const input of inputs) {
      if (input !== '') this.#mustKnow(input, `${operator} node`);
      node.string(Field.node.input, input);
    }
    for (const output of outputs) {
      if (output !== '') this.#define(output, `${operator} node`);
      node.string(Field.node.output, output);
    }
    node.string(Field.node.name, `${operator}_${this.#nodes.length}`).string(Field.node.operator, operator);
    for (const [name, value] of Object.entries(attributes)) {
      node.message(Field.node.attribute, attributeMessage(name, value));
    }
    this.#nodes.push(node);
  }

  /** The model file's bytes. Throws `ArgumentError` when they would reach 2 GiB. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#outputs.length === 0) throw new ArgumentError('onnx: the graph has no output');
    const graph = new ProtobufWriter();
    for (const node of this.#nodes) graph.message(Field.graph.node, node);
    graph.string(Field.graph.name, this.#name);
    for (const tensor of this.#initializers) graph.message(Field.graph.initializer, tensor);
    for (const input of this.#inputs) graph.message(Field.graph.input, input);
    for (const output of this.#outputs) graph.message(Field.graph.output, output);
    const model = new ProtobufWriter()
      .int(Field.model.irVersion, irVersionFor(this.#opset))
      .string(Field.model.producerName, 'fusor')
      .message(Field.model.graph, graph)
      .message(
        Field.model.operatorSets,
        new ProtobufWriter().string(Field.operatorSet.domain, '').int(Field.operatorSet.version, this.#opset),
      );
    this.#checkSize(model.byteLength);
    return model.finish();
  }

  #define(name: string, by: string): void {
    if (name === '') throw new ArgumentError(`onnx: ${by} needs a name`);
    if (this.#known.has(name)) throw new ArgumentError(`onnx: ${by} defines '${name}', which already exists`);
    this.#known.add(name);
  }

  #mustKnow(name: string, by: string): void {
    if (!this.#known.has(name))
      throw new ArgumentError(`onnx: ${by} reads '${name}', which nothing before it defines`);
  }

  #checkSize(bytes: number): void {
    if (bytes > largestFile) {
      throw new ArgumentError(
        `onnx: the model takes ${bytes} bytes, and one ONNX file holds less than 2 GiB (external weights are not written)`,
      );
    }
  }
}

/** Field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). */
const Field = {
  model: { irVersion: 1, producerName: 2, graph: 7, operatorSets: 8 },
  operatorSet: { domain: 1, version: 2 },
  graph: { node: 1, name: 2, initializer: 5, input: 11, output: 12 },
  node: { input: 1, output: 2, name: 3, operator: 4, attribute: 5 },
  attribute: { name: 1, float: 2, int: 3, string: 4, floats: 7, ints: 8, type: 20 },
  tensor: { dims: 1, dataType: 2, name: 8, rawData: 9 },
  valueInfo: { name: 1, type: 2 },
  type: { tensor: 1 },
  tensorType: { elementType: 1, shape: 2 },
  shape: { dimension: 1 },
  dimension: { value: 1, parameter: 2 },
} as const;

/** `AttributeProto.AttributeType`. */
const AttributeType = { float: 1, int: 2, string: 3, floats: 6, ints: 7 } as const;

function attributeMessage(name: string, value: OnnxAttribute): ProtobufWriter {
  const message = new ProtobufWriter().string(Field.attribute.name, name);
  if ('int' in value) {
    return message.int(Field.attribute.int, value.int).int(Field.attribute.type, AttributeType.int);
  }
  if ('ints' in value) {
    for (const item of value.ints) message.int(Field.attribute.ints, item);
    return message.int(Field.attribute.type, AttributeType.ints);
  }
  if ('float' in value) {
    return message.float(Field.attribute.float, value.float).int(Field.attribute.type, AttributeType.float);
  }
  if ('floats' in value) {
    for (const item of value.floats) message.float(Field.attribute.floats, item);
    return message.int(Field.attribute.type, AttributeType.floats);
  }
  return message.string(Field.attribute.string, value.string).int(Field.attribute.type, AttributeType.string);
}

function valueInfo(name: string, dtype: OnnxDType, shape?: readonly OnnxDimension[]): ProtobufWriter {
  const tensorType = new ProtobufWriter().int(Field.tensorType.elementType, dataTypes[dtype].code);
  if (shape !== undefined) tensorType.message(Field.tensorType.shape, shapeMessage(shape));
  return new ProtobufWriter()
    .string(Field.valueInfo.name, name)
    .message(Field.valueInfo.type, new ProtobufWriter().message(Field.type.tensor, tensorType));
}

function shapeMessage(shape: readonly OnnxDimension[]): ProtobufWriter {
  const message = new ProtobufWriter();
  for (const size of shape) {
    const dimension = new ProtobufWriter();
    if (typeof size === 'number') dimension.int(Field.dimension.value, size);
    else dimension.string(Field.dimension.parameter, size);
    message.message(Field.shape.dimension, dimension);
  }
  return message;
}
