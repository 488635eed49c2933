import { TraceError } from '@fusor/errors';
import { type Device, keep, scope, type Tensor } from '@fusor/native';
import {
  type Attributes,
  type OpName,
  retain,
  symbolicTensor,
  symbolicValue,
  type TensorSpec,
  type Tracer,
  withTracer,
} from '@fusor/native/trace';
import { Graph, type Node, type Value } from '../graph/graph.ts';
import { flattenResult } from '../graph/structure.ts';
import { childFields, walkTensors } from '../module/fields.ts';
import type { AnyModule } from '../module/module.ts';
import { type Call, type CallWatcher, callWatched } from './calls.ts';
import { concreteShape, type Signature } from './signature.ts';

/** How a network is recorded. */
export interface RecordOptions {
  /** What an `'n'` in the signature stands for. */
  readonly batch: number;
  /** The device that symbolic tensors say they are on. */
  readonly device: Device;
  /**
   * Tensors that become constants as they are, with their names; default the module's. Others get a reference of the
   * graph's own.
   */
  readonly weights?: ReadonlyMap<Tensor, string>;
  readonly watcher?: CallWatcher;
  /** Called for every node, with the call it was made in. */
  readonly onNode?: (node: Node, call: Call | undefined) => void;
}

/**
 * Calls `forward` once with symbolic tensors and records what it does.
 * @throws {TraceError} for what cannot be recorded; any error of `forward`, with the module it came from
 */
export function recordGraph(model: AnyModule, signature: Signature, options: RecordOptions): Graph {
  const recorder = new Recorder(model, options);
  try {
    const inputs = signature.inputs.map(({ name, dtype, shape }) =>
      recorder.input(name, { dtype, shape: concreteShape(shape, options.batch) }),
    );
    const record = Object.fromEntries(signature.inputs.map(({ name }, index) => [name, inputs[index]]));
    let result: unknown;
    // What forward makes and does not return is freed at once; constants were kept by then.
    scope(() => {
      withTracer(recorder, () => {
        result = recorder.call(signature.kind === 'list' ? inputs : [record]);
      });
      if (result instanceof Promise) throw promiseError(model, result);
      recorder.finish(result);
    });
    return recorder.graph(signature.kind);
  } catch (error) {
    recorder.dispose();
    throw error;
  }
}

function promiseError(model: AnyModule, promise: Promise<unknown>): TraceError {
  promise.catch(() => undefined);
  return new TraceError(
    `compile: forward of ${model.constructor.name} returned a promise; it must be synchronous, and cannot wait for ` +
      'data() or item(), since while it is recorded no tensor has elements',
  );
}

class Recorder implements Tracer {
  readonly #model: AnyModule;
  readonly #options: RecordOptions;
  readonly #values: Value[] = [];
  readonly #nodes: Node[] = [];
  readonly #inputs: Value[] = [];
  readonly #calls: Call[] = [];
  readonly #names: NameMaker = new NameMaker();
  readonly #constants: Map<Tensor, { symbol: Tensor; value: Value }> = new Map();
  readonly #weights: ReadonlyMap<Tensor, string>;
  readonly #owned: Set<Tensor> = new Set();
  #outputs: Value[] = [];
  #result: Graph['result'] = [];

  constructor(model: AnyModule, options: RecordOptions) {
    this.#model = model;
    this.#options = options;
    this.#weights = options.weights ?? namesOfTensors(model);
  }

  input(name: string, spec: TensorSpec): Tensor {
    const value = this.#value(spec, name);
    this.#inputs.push(value);
    return this.#symbol(value);
  }

  call(inputs: readonly unknown[]): unknown {
    return callWatched(this.#model, inputs, this.#calls, this.#options.watcher ?? {});
  }

  record(
    op: OpName,
    inputs: readonly (Tensor | null)[],
    attributes: Attributes,
    outputs: readonly TensorSpec[],
  ): readonly Tensor[] {
    const call = this.#calls.at(-1);
    const node: Node = {
      op,
      attributes,
      inputs: inputs.map((input) => (input === null ? null : this.#values[symbolicValue(input)!]!)),
      outputs: outputs.map((spec) => this.#value(spec)),
      name: this.#names.make(op, attributes, call),
    };
    this.#nodes.push(node);
    this.#options.onNode?.(node, call);
    return node.outputs.map((output) => this.#symbol(output));
  }

  constant(tensor: Tensor): Tensor {
    return this.#constant(tensor).symbol;
  }

  #constant(tensor: Tensor): { symbol: Tensor; value: Value } {
    let known = this.#constants.get(tensor);
    if (known === undefined) {
      const weight = this.#weights.get(tensor);
      const constant = weight === undefined ? keep(retain(tensor)) : tensor;
      if (weight === undefined) this.#owned.add(constant);
      const name = weight ?? this.#names.unique('constant');
      const value = this.#value({ dtype: tensor.dtype, shape: tensor.shape }, name, constant);
      known = { symbol: keep(this.#symbol(value)), value };
      this.#constants.set(tensor, known);
    }
    return known;
  }

  /** Notes what forward returned. */
  finish(result: unknown): void {
    const { tensors, structure } = flattenResult(result);
    if (tensors.length === 0) throw new TraceError('compile: forward returned no tensor');
    this.#outputs = tensors.map((tensor) => {
      const id = symbolicValue(tensor);
      return id === undefined ? this.#constant(tensor).value : this.#values[id]!;
    });
    this.#result = structure;
  }

  graph(inputKind: Graph['inputKind']): Graph {
    return new Graph({
      inputs: this.#inputs,
      nodes: this.#nodes,
      outputs: this.#outputs,
      inputKind,
      result: this.#result,
      owned: this.#owned,
    });
  }

  dispose(): void {
    for (const tensor of this.#owned) tensor.dispose();
  }

  #value(spec: TensorSpec, name?: string, constant?: Tensor): Value {
    const value: Value = {
      id: this.#values.length,
      dtype: spec.dtype,
      shape: [...spec.shape],
      ...(name === undefined ? {} : { name }),
      ...(constant === undefined ? {} : { constant }),
    };
    this.#values.push(value);
    return value;
  }

  #symbol(value: Value): Tensor {
    const { dtype, shape } = value;
    return symbolicTensor(this, { dtype, shape, device: this.#options.device }, value.id);
  }
}

/** The module's tensors with their names; a shared one has its first. */
function namesOfTensors(model: AnyModule): Map<Tensor, string> {
  return new Map(
    walkTensors(model)
      .map(({ name, tensor }) => [tensor, name] as const)
      .reverse(),
  );
}

/** Names for nodes: those of the modules they were made in, and what they do where a module has parts of its own. */
class NameMaker {
  readonly #taken: Map<string, number> = new Map();
  readonly #leaves: Map<AnyModule, boolean> = new Map();

  make(op: OpName, attributes: Attributes, call: Call | undefined): string {
    if (call === undefined) return this.unique(op);
    let leaf = this.#leaves.get(call.module);
    if (leaf === undefined) {
      leaf = childFields(call.module).length === 0;
      this.#leaves.set(call.module, leaf);
    }
    if (leaf && call.path !== '') return this.unique(call.path);
    const what = typeof attributes.function === 'string' ? attributes.function : op;
    return this.unique(call.path === '' ? what : `${call.path}.${what}`);
  }

  /** The name, or with a number where it is taken: `layer1.0.relu`, `layer1.0.relu_1`. */
  unique(name: string): string {
    const times = this.#taken.get(name) ?? 0;
    this.#taken.set(name, times + 1);
    return times === 0 ? name : `${name}_${times}`;
  }
}
