import type { Tensor } from '@fusor/native';
import type { AttributeValue, OnnxNode, OnnxTensor } from './model.ts';
import { numbersOfTensor, Refusal } from './values.ts';

/** One node on its way through the runner: its inputs as tensors, its attributes with ONNX's defaults. */
export class Call {
  readonly node: OnnxNode;
  readonly inputs: readonly (Tensor | undefined)[];
  /** Version of the operator set: the same operator may mean different things in two of them. */
  readonly opset: number;

  constructor(node: OnnxNode, inputs: readonly (Tensor | undefined)[], opset: number) {
    this.node = node;
    this.inputs = inputs;
    this.opset = opset;
  }

  /** A required input. */
  input(index: number): Tensor {
    const tensor = this.inputs[index];
    if (tensor === undefined) throw new Error(`${this.node.operator}: input ${index} is missing`);
    return tensor;
  }

  optional(index: number): Tensor | undefined {
    return this.inputs[index];
  }

  /** Whether the model uses output `index`. */
  wants(index: number): boolean {
    return (this.node.outputs[index] ?? '') !== '';
  }

  /** Reads an input back: shapes, axes, bounds and paddings are tensors in ONNX and plain numbers here. */
  async numbers(index: number): Promise<number[] | undefined> {
    const tensor = this.inputs[index];
    return tensor === undefined ? undefined : [...(await numbersOfTensor(tensor))];
  }

  /** Numbers that older operator sets have as an attribute and newer ones as an input. */
  async attributeOrInput(name: string, index: number): Promise<number[] | undefined> {
    return this.integers(name) ?? (await this.numbers(index));
  }

  integer(name: string): number | undefined;
  integer(name: string, otherwise: number): number;
  integer(name: string, otherwise?: number): number | undefined {
    const value = this.#attribute(name);
    return value === undefined ? otherwise : Number(value);
  }

  flag(name: string, otherwise = false): boolean {
    return this.integer(name, otherwise ? 1 : 0) !== 0;
  }

  float(name: string): number | undefined;
  float(name: string, otherwise: number): number;
  float(name: string, otherwise?: number): number | undefined {
    const value = this.#attribute(name);
    return value === undefined ? otherwise : Number(value);
  }

  integers(name: string): number[] | undefined;
  integers(name: string, otherwise: number[]): number[];
  integers(name: string, otherwise?: number[]): number[] | undefined {
    const value = this.#attribute(name);
    return value === undefined ? otherwise : (value as bigint[]).map(Number);
  }

  floats(name: string): number[] | undefined {
    return this.#attribute(name) as number[] | undefined;
  }

  string(name: string, otherwise: string): string {
    return (this.#attribute(name) as string | undefined) ?? otherwise;
  }

  tensor(name: string): OnnxTensor | undefined {
    return this.#attribute(name) as OnnxTensor | undefined;
  }

  /** An axis counted from the end, as its place from the front. */
  axis(value: number, rank: number = this.input(0).shape.length): number {
    return value < 0 ? value + rank : value;
  }

  #attribute(name: string): AttributeValue | undefined {
    const value = this.node.attributes.get(name);
    if (value === 'unreadable') throw new Refusal(`attribute ${name} of a kind that is not read`);
    return value;
  }
}

/** Runs one node on the engine's ops; one tensor per output, `undefined` for those the model does not use. */
export type Operator = (
  call: Call,
) => Tensor | (Tensor | undefined)[] | Promise<Tensor | (Tensor | undefined)[]>;

export type OperatorTable = Readonly<Record<string, Operator>>;
