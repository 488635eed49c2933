import { type DType, synchronize } from '@fusor/native';
import { type Attributes, inferOp, type OpName } from '@fusor/native/trace';
import { Graph, type Node, type Value } from '../graph/graph.ts';

/** The 16-bit floats that a network can be computed in. */
export type HalfDType = 'f16' | 'bf16';

/**
 * The same network with f16 or bf16 wherever the given one has f32: weights are rounded once, after batch-norm was folded
 * into them, and values in between are stored so; sums are f32 in every kernel. What goes in and comes out keeps its dtype:
 * f32 inputs are converted first and results last, unless `inputs` says that one comes as 16-bit floats already.
 * Weights and statistics of norms that were not folded stay f32, which every kernel takes: rounding a variance would cost
 * more than it saves.
 * @param inputs the dtypes in which the inputs come
 */
export async function toDType(graph: Graph, dtype: HalfDType, inputs: readonly DType[]): Promise<Graph> {
  const rewriter = new Rewriter(graph, dtype);
  const result = rewriter.rewrite(inputs);
  // The conversions are queued by now; what follows finds the queue with room.
  const device = rewriter.converted?.device;
  if (device !== undefined) await synchronize(device);
  return result;
}

/** Where the parameters of an operation begin that may be wider than what it normalizes. */
const FIRST_PARAMETER: Partial<Record<OpName, number>> = {
  batchNorm: 1,
  batchNormTraining: 1,
  layerNorm: 1,
  addLayerNorm: 2,
  rmsNorm: 1,
  groupNorm: 1,
};
/** Behind its parameters batch-norm has a residual, which is a value like the input. */
const AFTER_PARAMETERS: Partial<Record<OpName, number>> = { batchNorm: 5 };

class Rewriter {
  readonly #graph: Graph;
  readonly #dtype: HalfDType;
  readonly #nodes: Node[] = [];
  readonly #values: Map<Value, Value> = new Map();
  readonly #constants: Map<Value, Value> = new Map();
  readonly #owned: Value['constant'][] = [];
  #nextId: number;
  /** One of the converted constants. */
  converted: Value['constant'];

  constructor(graph: Graph, dtype: HalfDType) {
    this.#graph = graph;
    this.#dtype = dtype;
    this.#nextId = 1 + graph.values().reduce((highest, { id }) => Math.max(highest, id), -1);
  }

  rewrite(inputDTypes: readonly DType[]): Graph {
    const inputs = this.#graph.inputs.map((input, index) => this.#input(input, inputDTypes[index]!));
    for (const node of this.#graph.nodes) this.#node(node);
    const outputs = this.#graph.outputs.map((output) => this.#output(output));
    return new Graph({
      inputs,
      nodes: this.#nodes,
      outputs,
      inputKind: this.#graph.inputKind,
      result: this.#graph.result,
      owned: this.#owned.flatMap((tensor) => tensor ?? []),
    });
  }

  #input(input: Value, comesAs: DType): Value {
    const given: Value = { ...input, dtype: comesAs };
    this.#values.set(
      input,
      input.dtype === 'f32' ? this.#convert(given, this.#dtype, `${input.name}: to`) : given,
    );
    return given;
  }

  #node(node: Node): void {
    const first = FIRST_PARAMETER[node.op] ?? node.inputs.length;
    const after = AFTER_PARAMETERS[node.op] ?? node.inputs.length;
    const inputs = node.inputs.map((input, place) => {
      if (input === null) return null;
      const keeps = place >= first && place < after && input.constant !== undefined;
      return keeps ? input : this.#value(input);
    });
    let attributes: Attributes = node.attributes;
    // What the network itself converts to f32 it converts to what it is computed in.
    if (node.op === 'convert' && attributes.dtype === 'f32')
      attributes = { ...attributes, dtype: this.#dtype };
    const specs = inferOp(node.op, inputs, attributes);
    const outputs = node.outputs.map((output, index) => ({ ...output, dtype: specs[index]!.dtype }));
    this.#nodes.push({ op: node.op, attributes, inputs, outputs, name: node.name });
    for (const [index, output] of node.outputs.entries()) {
      const made = outputs[index]!;
      // Made from nothing in f32, such as ranges, which 16 bits would spoil, and random numbers.
      const wide = output.dtype === 'f32' && made.dtype === 'f32' && inputs.length === 0;
      this.#values.set(output, wide ? this.#convert(made, this.#dtype, `${node.name}: to`) : made);
    }
  }

  #output(output: Value): Value {
    const value = this.#value(output, true);
    return value.dtype === output.dtype ? value : this.#convert(value, output.dtype, 'output: to');
  }

  /** What stands for a value of the old graph. Constants that are results keep their dtype. */
  #value(value: Value, isResult = false): Value {
    const known = this.#values.get(value);
    if (known !== undefined) return known;
    if (isResult || value.dtype !== 'f32') return value;
    let constant = this.#constants.get(value);
    if (constant === undefined) {
      const tensor = value.constant!.to(this.#dtype);
      this.#owned.push(tensor);
      this.converted = tensor;
      constant = { ...value, id: this.#takeId(), dtype: this.#dtype, constant: tensor };
      this.#constants.set(value, constant);
    }
    return constant;
  }

  #convert(value: Value, dtype: DType, name: string): Value {
    if (value.dtype === dtype) return value;
    const converted: Value = { id: this.#takeId(), dtype, shape: value.shape };
    this.#nodes.push({
      op: 'convert',
      attributes: { dtype },
      inputs: [value],
      outputs: [converted],
      name: `${name} ${dtype}`,
    });
    return converted;
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }
}
