import { ArgumentError, DisposedError, DTypeError, ShapeError } from '@fusor/errors';
import type { PlanHandle, TensorHandle } from './addon/addon.ts';
import { Encoder } from './addon/encoding.ts';
import { addon, quiet, schemas, startJob } from './addon/environment.ts';
import {
  checkBoolean,
  checkInteger,
  checkOneOf,
  checkOptions,
  checkShape,
  checkTensor,
  show,
  showShape,
  wrongType,
} from './check.ts';
import { deviceIndex, resolveDevice } from './device.ts';
import { checkDType, dtypeIndex } from './dtype.ts';
import type { Graph, GraphValue, TensorSpec } from './graph.ts';
import { eagerTensor, handleOf, isDisposed, isTensor, type Tensor, upload } from './tensor.ts';
import type { Device, DeviceOption } from './types.ts';
import { elementCount, holds } from './values.ts';

/** How a plan is built. */
export interface PlanOptions {
  /** Default `'cpu'`. */
  readonly device?: DeviceOption | undefined;
  /** CPU threads of this plan; default as many as the pool has. */
  readonly threads?: number | undefined;
  /** `'table'` (default) chooses algorithms by shape, `'measure'` by timing them here, once. */
  readonly tune?: 'table' | 'measure' | undefined;
  /**
   * Where `'measure'` remembers what it found, for the next process; default: the environment variable
   * `FUSOR_CACHE_DIR`, else `fusor` in the user's cache directory.
   */
  readonly cacheDirectory?: string | undefined;
  /** Whether 3x3 convolutions and 7x7 stems may use Winograd's algorithm (error about 1e-6 relative); default true. */
  readonly winograd?: boolean | undefined;
  /** Algorithms that do not depend on the batch size either, and no measuring; default false. */
  readonly deterministic?: boolean | undefined;
  /**
   * Whether a GPU computes a 3×3 convolution and the 1×1 convolutions after it in one kernel, in 16-bit floats: `true`
   * wherever it can, `false` nowhere, default where a cost model says that it is faster.
   */
  readonly chains?: boolean | undefined;
  /** Of matrix products; the CPU computes in f32 only. */
  readonly precision?: 'f32' | 'tf32' | 'bf16x3' | undefined;
}

/** One step of a plan: a node of the graph, or several in one. */
export interface PlanStep {
  /** The names of the nodes. */
  readonly name: string;
  readonly op: string;
  /** The algorithm, and why it was chosen. */
  readonly algorithm: string;
  readonly instructionSet: string;
  /** Of the mathematical operation: two for each multiply and add of the direct algorithm. */
  readonly flops: number;
  /** Least traffic: inputs, weights and outputs once each. */
  readonly bytes: number;
}

/** What a plan is made of. */
export interface PlanSummary {
  readonly steps: number;
  /** Memory for intermediate values, kept between runs. */
  readonly arenaBytes: number;
  /** Memory for weights, in the layouts that the kernels read. */
  readonly packedBytes: number;
}

/** A run under way. */
export interface PlanRun {
  /** Filled when the run executes; usable at once as inputs of further work. */
  readonly outputs: Tensor[];
  /** Settles when it has. Ignoring a rejection is fine: the outputs carry the error too. */
  readonly done: Promise<void>;
}

const tunes = ['table', 'measure'] as const;
const precisions = ['f32', 'tf32', 'bf16x3'] as const;

/**
 * Checks a graph, then has the engine choose algorithms, pack the weights and lay out the memory on the device's own
 * thread. Constants are copied into the plan: what happens to their tensors later does not reach it.
 * @throws at once: ArgumentError, ShapeError, DTypeError for a graph that is not consistent, naming the node.
 */
export function buildPlan(graph: Graph, options: PlanOptions = {}): Promise<NativePlan> {
  const operation = 'buildPlan';
  const known = [
    'device',
    'threads',
    'tune',
    'cacheDirectory',
    'winograd',
    'deterministic',
    'precision',
    'chains',
  ];
  checkOptions(operation, options, known);
  const device = resolveDevice(operation, options.device);
  const threads = checkInteger(operation, 'threads', options.threads ?? 0);
  if (threads < 0) throw new ArgumentError(`${operation}: threads must be at least 0, got ${threads}`);
  const cacheDirectory = options.cacheDirectory ?? '';
  if (typeof cacheDirectory !== 'string' || cacheDirectory.includes('\0')) {
    throw new ArgumentError(`${operation}: cacheDirectory must be a path, got ${String(cacheDirectory)}`);
  }
  const encoder = new Encoder();
  encoder.push(threads);
  encoder.push(tunes.indexOf(checkOneOf(operation, 'tune', options.tune ?? 'table', tunes)));
  encoder.push(checkBoolean(operation, 'winograd', options.winograd ?? true) ? 1 : 0);
  encoder.push(checkBoolean(operation, 'deterministic', options.deterministic ?? false) ? 1 : 0);
  encoder.push(
    precisions.indexOf(checkOneOf(operation, 'precision', options.precision ?? 'f32', precisions)),
  );
  // As fusor_chains counts them.
  encoder.push(options.chains === undefined ? 0 : checkBoolean(operation, 'chains', options.chains) ? 2 : 1);

  const indices = new Map<number, number>(graph.values.map((value, index) => [value.id, index]));
  encodeGraph(encoder, graph, indices);
  const constants = graph.values.map((value) =>
    value.constant === undefined ? null : constantHandle(value, value.constant),
  );
  const names = graph.nodes.map((node) => String(node.name));
  const built = startJob((job) =>
    addon.buildPlan(deviceIndex(device), encoder.numbers, constants, names, job, cacheDirectory),
  );
  const specs = (ids: readonly number[]): TensorSpec[] =>
    ids.map((id) => {
      const { dtype, shape } = graph.values[indices.get(id)!]!;
      return { dtype, shape: [...shape] };
    });
  const inputs = specs(graph.inputs);
  const outputs = specs(graph.outputs);
  return quiet(built.then((handle) => makePlan(handle!, device, inputs, outputs)));
}

function encodeGraph(encoder: Encoder, graph: Graph, indices: ReadonlyMap<number, number>): void {
  const operation = 'buildPlan';
  if (indices.size !== graph.values.length)
    throw new ArgumentError(`${operation}: two values have the same id`);
  const list = (where: string, ids: readonly number[]): void => {
    encoder.push(ids.length);
    for (const id of ids) {
      const index = id === -1 ? -1 : indices.get(id);
      if (index === undefined) {
        throw new ArgumentError(`${operation}: ${where} names value ${show(id)}, which does not exist`);
      }
      encoder.push(index);
    }
  };
  encoder.push(graph.values.length);
  for (const value of graph.values) {
    encoder.push(dtypeIndex(checkDType(operation, `the dtype of value ${value.id}`, value.dtype)));
    encoder.list(checkShape(operation, `the shape of value ${value.id}`, value.shape));
  }
  encoder.push(graph.nodes.length);
  for (const node of graph.nodes) {
    const schema = schemas.get(node.op);
    if (schema === undefined) {
      throw new ArgumentError(`${operation}: node ${show(node.name)} has no known op: ${show(node.op)}`);
    }
    encoder.push(schema.id);
    list(`node '${node.name}'`, node.inputs);
    list(`node '${node.name}'`, node.outputs);
    encoder.attributes(schema, node.attributes);
  }
  list('inputs', graph.inputs);
  list('outputs', graph.outputs);
}

function constantHandle(value: GraphValue, constant: Tensor): TensorHandle {
  const handle = handleOf(checkTensor('buildPlan', `the constant of value ${value.id}`, constant));
  if (handle !== undefined) return handle;
  if (isDisposed(constant)) {
    throw new DisposedError(`buildPlan: the constant of value ${value.id} was used after dispose()`);
  }
  throw new ArgumentError(`buildPlan: the constant of value ${value.id} is symbolic`);
}

let makePlan: (
  handle: PlanHandle,
  device: Device,
  inputs: readonly TensorSpec[],
  outputs: readonly TensorSpec[],
) => NativePlan;

/**
 * A network ready to run: one call for all of it, no allocation of native memory but for the outputs. Runs of one plan
 * happen one after another.
 */
export class NativePlan {
  readonly device: Device;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  #handle: PlanHandle | undefined;

  static {
    makePlan = (handle, device, inputs, outputs) => new NativePlan(handle, device, inputs, outputs);
  }

  private constructor(
    handle: PlanHandle,
    device: Device,
    inputs: readonly TensorSpec[],
    outputs: readonly TensorSpec[],
  ) {
    this.#handle = handle;
    this.device = device;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  /**
   * Queues one run. A typed array is copied before this returns; a tensor is kept by the queue, so it may be disposed.
   * The outputs are the caller's; later runs do not touch them.
   * @throws ShapeError, DTypeError, ArgumentError for inputs that are not what the plan was made for.
   */
  run(inputs: readonly (Tensor | NodeJS.TypedArray)[]): PlanRun {
    const plan = this.#use('run');
    return this.#withInputs('run', inputs, (handles) => {
      let made: TensorHandle[] = [];
      const job = startJob((id) => {
        made = addon.runPlan(plan, handles, this.outputs.length, id);
      });
      const outputs = made.map((handle, index) => {
        const { dtype, shape } = this.outputs[index]!;
        return eagerTensor(handle, dtype, [...shape], this.device);
      });
      return { outputs, done: quiet(job.then(() => undefined)) };
    });
  }

  /** The median seconds of each step over `repeats` runs (default 10), after one to warm up. */
  profile(
    inputs: readonly (Tensor | NodeJS.TypedArray)[],
    options: { readonly repeats?: number | undefined } = {},
  ): Promise<Float64Array> {
    checkOptions('profile', options, ['repeats']);
    const repeats = checkInteger('profile', 'repeats', options.repeats ?? 10);
    if (repeats < 1) throw new ArgumentError(`profile: repeats must be at least 1, got ${repeats}`);
    const plan = this.#use('profile');
    const seconds = new Float64Array(new ArrayBuffer(8 * this.summary().steps));
    return this.#withInputs('profile', inputs, (handles) =>
      quiet(startJob((job) => addon.profilePlan(plan, handles, repeats, seconds, job)).then(() => seconds)),
    );
  }

  /** Checks the inputs and copies those that are typed arrays, for the length of `use`. */
  #withInputs<T>(
    operation: string,
    inputs: readonly (Tensor | NodeJS.TypedArray)[],
    use: (handles: TensorHandle[]) => T,
  ): T {
    if (!Array.isArray(inputs))
      throw wrongType(operation, 'inputs', 'an array of Tensors and typed arrays', inputs);
    if (inputs.length !== this.inputs.length) {
      throw new ArgumentError(
        `${operation}: the plan takes ${this.inputs.length} inputs, got ${inputs.length}`,
      );
    }
    const copies: Tensor[] = [];
    try {
      const handles = this.inputs.map((spec, index) => {
        const input = inputs[index] as Tensor | NodeJS.TypedArray;
        const argument = inputs.length === 1 ? 'the input' : `inputs[${index}]`;
        if (isTensor(input)) return this.#tensorInput(operation, argument, input, spec);
        const copy = this.#copyInput(operation, argument, input, spec);
        copies.push(copy);
        return handleOf(copy)!;
      });
      return use(handles);
    } finally {
      for (const copy of copies) copy.dispose();
    }
  }

  #tensorInput(operation: string, argument: string, input: Tensor, spec: TensorSpec): TensorHandle {
    const handle = handleOf(input);
    if (handle === undefined) {
      if (isDisposed(input)) throw new DisposedError(`${operation}: ${argument} was used after dispose()`);
      throw new ArgumentError(`${operation}: ${argument} is a symbolic tensor`);
    }
    if (input.dtype !== spec.dtype) {
      throw new DTypeError(`${operation}: ${argument} must be ${spec.dtype}, got ${input.dtype}`);
    }
    if (input.rank !== spec.shape.length || input.shape.some((size, dim) => size !== spec.shape[dim])) {
      throw new ShapeError(
        `${operation}: ${argument} must have shape ${showShape(spec.shape)}, got ${showShape(input.shape)}`,
      );
    }
    return handle;
  }

  #copyInput(operation: string, argument: string, input: unknown, spec: TensorSpec): Tensor {
    if (!ArrayBuffer.isView(input) || !holds(spec.dtype, input as NodeJS.TypedArray)) {
      throw wrongType(operation, argument, `a Tensor or a typed array for ${spec.dtype}`, input);
    }
    const array = input as NodeJS.TypedArray;
    if (array.length !== elementCount(spec.shape)) {
      throw new ShapeError(
        `${operation}: ${argument} must have ${elementCount(spec.shape)} elements for shape ${showShape(spec.shape)}, got ${array.length}`,
      );
    }
    return upload(array, spec.dtype, spec.shape, this.device);
  }

  /** The steps in the order in which they run. */
  steps(): PlanStep[] {
    const handle = this.#use('steps');
    return Array.from({ length: this.summary().steps }, (_, index) => {
      const [name, op, algorithm, instructionSet, flops, bytes] = addon.planStep(handle, index);
      return { name, op, algorithm, instructionSet, flops, bytes };
    });
  }

  summary(): PlanSummary {
    const [steps, arenaBytes, packedBytes] = addon.planSummary(this.#use('summary'));
    return { steps, arenaBytes, packedBytes };
  }

  /** Frees weights and memory once the runs that were queued are done. */
  dispose(): void {
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#handle = undefined;
    addon.releasePlan(handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #use(operation: string): PlanHandle {
    if (this.#handle === undefined)
      throw new DisposedError(`${operation}: the plan was used after dispose()`);
    return this.#handle;
  }
}
