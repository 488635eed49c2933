import { UnsupportedError } from '@fusor/errors';
import type { DType, Shape, Tensor } from '@fusor/native';
import type { AttributeValue, GraphNode, TensorSpec } from '@fusor/native/trace';
import type { OnnxAttribute, OnnxDType, OnnxGraphBuilder } from './builder.ts';

/** A value of a graph and the name that it has in the file. */
export interface NamedValue extends TensorSpec {
  readonly name: string;
  readonly constant?: Tensor;
}

/**
 * One node of a Fusor graph on its way into an ONNX file: its values by their place, its attributes by name, and the
 * small constants and intermediate values that ONNX needs in between.
 */
export class Emitter {
  readonly node: GraphNode;
  readonly #builder: OnnxGraphBuilder;
  readonly #values: ReadonlyMap<number, NamedValue>;
  /** What intermediate names begin with; unique to the node. */
  readonly #prefix: string;
  #counter = 0;

  constructor(
    builder: OnnxGraphBuilder,
    node: GraphNode,
    values: ReadonlyMap<number, NamedValue>,
    prefix: string,
  ) {
    this.#builder = builder;
    this.node = node;
    this.#values = values;
    this.#prefix = prefix;
  }

  // -- what the node has ------------------------------------------------------------------------------------------

  /** Name of input `index`; `''` where it is optional and absent. */
  input(index: number): string {
    const id = this.node.inputs[index] ?? -1;
    return id < 0 ? '' : this.#value(id).name;
  }

  has(index: number): boolean {
    return this.input(index) !== '';
  }

  shape(index: number): Shape {
    return this.#value(this.node.inputs[index]!).shape;
  }

  dtype(index: number): DType {
    return this.#value(this.node.inputs[index]!).dtype;
  }

  output(index = 0): string {
    return this.#value(this.node.outputs[index]!).name;
  }

  outputShape(index = 0): Shape {
    return this.#value(this.node.outputs[index]!).shape;
  }

  outputDType(index = 0): DType {
    return this.#value(this.node.outputs[index]!).dtype;
  }

  number(name: string): number {
    const value = this.node.attributes[name];
    if (typeof value !== 'number' && typeof value !== 'bigint')
      throw this.#malformed(name, 'a number', value);
    return Number(value);
  }

  numbers(name: string): readonly number[] {
    const value = this.node.attributes[name];
    if (!Array.isArray(value)) throw this.#malformed(name, 'a list', value);
    return value;
  }

  text(name: string): string {
    const value = this.node.attributes[name];
    if (typeof value !== 'string') throw this.#malformed(name, 'a name', value);
    return value;
  }

  flag(name: string): boolean {
    return Boolean(this.node.attributes[name]);
  }

  /** An error that says what of this node has no counterpart in ONNX. */
  unsupported(what: string): UnsupportedError {
    return new UnsupportedError(`onnx: ${this.node.name || this.node.op}: ${what} cannot be written`);
  }

  // -- what it becomes --------------------------------------------------------------------------------------------

  /** Adds an ONNX node with one new, intermediate value, and returns its name. */
  emit(operator: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>): string {
    const name = this.#newName();
    this.#builder.addNode(operator, inputs, [name], attributes);
    return name;
  }

  /** Adds the ONNX node that makes output `index` of this node. */
  finish(
    operator: string,
    inputs: readonly string[],
    attributes?: Record<string, OnnxAttribute>,
    index = 0,
  ): void {
    this.#builder.addNode(operator, inputs, [this.output(index)], attributes);
  }

  /** Adds the ONNX node that makes all outputs of this node. */
  finishAll(operator: string, inputs: readonly string[], attributes?: Record<string, OnnxAttribute>): void {
    const outputs = this.node.outputs.map((_, index) => this.output(index));
    this.#builder.addNode(operator, inputs, outputs, attributes);
  }

  /** A constant of f32: one number, or a list. */
  floats(values: number | readonly number[], shape?: Shape): string {
    const list = typeof values === 'number' ? [values] : values;
    const sizes = shape ?? (typeof values === 'number' ? [] : [list.length]);
    return this.#constant('f32', sizes, Float32Array.from(list));
  }

  /** A constant list of i64: a shape, axes, bounds. */
  integers(values: readonly number[]): string {
    return this.#constant('i64', [values.length], BigInt64Array.from(values, BigInt));
  }

  /** A constant of rank 0 in any dtype that ONNX arithmetic takes. */
  scalar(dtype: DType, value: number): string {
    switch (dtype) {
      case 'f32':
        return this.floats(value);
      case 'i32':
        return this.#constant('i32', [], Int32Array.of(value));
      case 'i64':
        return this.#constant('i64', [], BigInt64Array.of(BigInt(value)));
      case 'u8':
        return this.#constant('u8', [], Uint8Array.of(value));
      case 'f16':
      case 'bf16':
        return this.emit('Cast', [this.floats(value)], { to: { int: onnxTypeCode[dtype] } });
    }
  }

  cast(value: string, to: DType | 'bool'): string {
    return this.emit('Cast', [value], { to: { int: onnxTypeCode[to] } });
  }

  #constant(dtype: OnnxDType, shape: Shape, data: ArrayBufferView): string {
    const name = this.#newName();
    this.#builder.addInitializer(name, dtype, shape, data);
    return name;
  }

  #newName(): string {
    return `${this.#prefix}.${this.#counter++}`;
  }

  #value(id: number): NamedValue {
    const value = this.#values.get(id);
    if (value === undefined) throw this.unsupported(`value ${id}, which the graph does not have,`);
    return value;
  }

  #malformed(name: string, expected: string, value: AttributeValue | undefined): UnsupportedError {
    return this.unsupported(`attribute ${name} = ${JSON.stringify(value)}, which should be ${expected},`);
  }
}

/** `TensorProto.DataType`, as the attribute `to` of Cast wants it. */
export const onnxTypeCode: Readonly<Record<DType | 'bool', number>> = {
  f32: 1,
  u8: 2,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  bf16: 16,
};
