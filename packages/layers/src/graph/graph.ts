import { type DType, keep, type Shape, type Tensor } from '@fusor/native';
import type { Attributes, Graph as NativeGraph, OpName } from '@fusor/native/trace';
import { type GraphJSON, readGraph, writeGraph } from './json.ts';
import { printGraph } from './print.ts';
import type { Structure } from './structure.ts';

/** Something a graph computes with: an input, a constant, or what a node gives. */
export interface Value {
  /** Its number in text and JSON, once per graph. */
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Inputs and constants have names: `x`, `conv1.weight`. */
  readonly name?: string;
  /** The elements of a constant. Absent for inputs and computed values, and for constants read from JSON alone. */
  readonly constant?: Tensor;
}

/** One operation. */
export interface Node {
  readonly op: OpName;
  attributes: Attributes;
  /** In the op's order; null for an optional input that is absent. */
  inputs: (Value | null)[];
  readonly outputs: readonly Value[];
  /** The module it came from, `layer1.0.conv1`, and with others fused into it `layer1.0.conv1 + layer1.0.relu`. */
  name: string;
}

/** What a graph is made of. */
export interface GraphParts {
  readonly inputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Value[];
  /** How the inputs are passed to `forward`: one after another, or as one record with their names. */
  readonly inputKind: 'list' | 'record';
  /** What `forward` returned, with places in `outputs` where the tensors were. */
  readonly result: Structure<number>;
  /** Constants that belong to the graph, to be freed with it. */
  readonly owned?: Iterable<Tensor>;
}

/**
 * A network as readable data: what `trace` records and the passes of `compile` work on. Nodes stand in an order in
 * which every value is made before it is used.
 *
 * ```ts
 * const graph = trace(model, [1, 3, 224, 224]);
 * console.log(graph.toString());
 * await writeFile('graph.json', JSON.stringify(graph));
 * ```
 */
export class Graph {
  readonly inputs: readonly Value[];
  nodes: Node[];
  outputs: Value[];
  readonly inputKind: 'list' | 'record';
  readonly result: Structure<number>;
  #nextId: number;
  readonly #owned: Set<Tensor>;

  constructor(parts: GraphParts) {
    this.inputs = [...parts.inputs];
    this.nodes = [...parts.nodes];
    this.outputs = [...parts.outputs];
    this.inputKind = parts.inputKind;
    this.result = parts.result;
    this.#owned = new Set(parts.owned);
    this.#nextId = 1 + this.values().reduce((highest, value) => Math.max(highest, value.id), -1);
  }

  /** A graph from its JSON. `constants` gives the elements of constants by name; those it lacks stay without. */
  static fromJSON(json: GraphJSON | string, constants: ReadonlyMap<string, Tensor> = new Map()): Graph {
    return new Graph(readGraph(json, constants));
  }

  /** Every value, in order of appearance: inputs first, constants where they are first used. */
  values(): Value[] {
    const met = new Set<Value>(this.inputs);
    for (const node of this.nodes) {
      for (const input of node.inputs) if (input !== null) met.add(input);
      for (const output of node.outputs) met.add(output);
    }
    for (const output of this.outputs) met.add(output);
    return [...met];
  }

  /** The constants, in order of appearance. */
  constants(): Value[] {
    const made = new Set<Value>(this.inputs);
    for (const node of this.nodes) for (const output of node.outputs) made.add(output);
    return this.values().filter((value) => !made.has(value));
  }

  /** A constant for a pass to use in a node. The graph takes over the tensor. */
  constant(tensor: Tensor, name: string): Value {
    this.#owned.add(keep(tensor));
    return { id: this.#takeId(), dtype: tensor.dtype, shape: [...tensor.shape], name, constant: tensor };
  }

  #takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  /** How often each value is used: by nodes, once for each place, and as an output. */
  uses(): Map<Value, number> {
    const counts = new Map<Value, number>();
    const count = (value: Value | null): void => {
      if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
    };
    for (const node of this.nodes) node.inputs.forEach(count);
    this.outputs.forEach(count);
    return counts;
  }

  /** The node that makes each computed value. */
  producers(): Map<Value, Node> {
    const producers = new Map<Value, Node>();
    for (const node of this.nodes) for (const output of node.outputs) producers.set(output, node);
    return producers;
  }

  /** Uses one value wherever another was used. */
  replaceUses(replacements: ReadonlyMap<Value, Value>): void {
    if (replacements.size === 0) return;
    const final = (value: Value): Value => {
      let current = value;
      for (let next = replacements.get(current); next !== undefined; next = replacements.get(current)) {
        current = next;
      }
      return current;
    };
    for (const node of this.nodes) {
      node.inputs = node.inputs.map((input) => (input === null ? null : final(input)));
    }
    this.outputs = this.outputs.map(final);
  }

  /** The same graph without the elements of its constants: what can be read and printed for ever. */
  outline(): Graph {
    return this.#mapped(({ constant: _, ...value }) => value);
  }

  /** A graph of its own with the same constants, which still belong to this one. */
  copy(): Graph {
    return this.#mapped((value) => ({ ...value }));
  }

  #mapped(map: (value: Value) => Value): Graph {
    const known = new Map(this.values().map((value) => [value, map(value)]));
    const get = (value: Value): Value => known.get(value)!;
    return new Graph({
      inputs: this.inputs.map(get),
      nodes: this.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((input) => (input === null ? null : get(input))),
        outputs: node.outputs.map(get),
      })),
      outputs: this.outputs.map(get),
      inputKind: this.inputKind,
      result: this.result,
    });
  }

  /** Frees the constants that belong to the graph; those that are a module's stay with the module. */
  dispose(): void {
    for (const tensor of this.#owned) tensor.dispose();
    this.#owned.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The form that the engine builds plans from. */
  toNative(): NativeGraph {
    return {
      values: this.values().map(({ id, dtype, shape, constant }) => ({ id, dtype, shape, constant })),
      nodes: this.nodes.map(({ op, attributes, inputs, outputs, name }) => ({
        op,
        attributes,
        inputs: inputs.map((input) => input?.id ?? -1),
        outputs: outputs.map((output) => output.id),
        name,
      })),
      inputs: this.inputs.map((input) => input.id),
      outputs: this.outputs.map((output) => output.id),
    };
  }

  /** Plain data for `JSON.stringify`. Constants are told by name, dtype and shape; their elements are not in it. */
  toJSON(): GraphJSON {
    return writeGraph(this);
  }

  /** One line per node: `%3 = conv2d(x, conv1.weight, conv1.bias) stride=[2, 2]: f32 [1, 64, 112, 112]  # conv1`. */
  toString(): string {
    return printGraph(this);
  }
}
