import { ArgumentError, DisposedError, DTypeError, ShapeError } from '@fusor/errors';
import type { Device, Tensor } from '@fusor/native';
import { type PlanRun, retain } from '@fusor/native/trace';
import { show } from '../arguments.ts';
import type { Graph } from '../graph/graph.ts';
import { isPlainRecord, mapStructure, type Structure } from '../graph/structure.ts';
import type { Signature, SignatureInput } from '../trace/signature.ts';
import { PlannedBatches } from './batches.ts';
import type { BuiltPlan } from './build.ts';
import { describePlan, type PlanDescription, printDescription } from './describe.ts';
import { checkInputs, holdInputs, type RunInput, type RunInputs, readInputs } from './inputs.ts';
import type { ResolvedOptions } from './options.ts';
import { type Profile, profileOf } from './profile.ts';

/** Options of {@link Plan.run}. */
export interface RunOptions<Into> {
  /**
   * Typed arrays for the elements of the result: one, or several in the tuple or record that `forward` returned. They
   * are filled when the promise settles, and are its value.
   */
  readonly into?: Into;
}

/** Options of {@link Plan.profile}. */
export interface ProfileOptions {
  /** How many timed runs; default 10. */
  readonly repeats?: number;
}

/** What a plan is made of: the model's name for people, its inputs, and how to plan a batch. */
export interface PlanSource {
  readonly name: string;
  readonly signature: Signature;
  readonly options: ResolvedOptions;
  readonly build: (batch: number) => Promise<BuiltPlan>;
  /** Frees what `build` needs. */
  readonly release: () => void;
}

/**
 * A network ready to run: what `compile` returns. `Output` is what `forward` returns.
 *
 * Runs of one plan queue up in the order of their calls; runs of different plans share the device. A plan is a snapshot:
 * what happens to the module later does not reach it.
 */
export class Plan<Output = Tensor> {
  readonly device: Device;
  readonly #source: PlanSource;
  readonly #batches: PlannedBatches;
  #disposed = false;

  /** Called by `compile`. */
  constructor(source: PlanSource) {
    this.#source = source;
    this.device = source.options.device;
    const limit = source.signature.free ? source.options.plannedBatches : 1;
    this.#batches = new PlannedBatches(limit, source.build);
  }

  /**
   * Runs the network.
   *
   * Typed arrays are copied before this returns; tensors are kept until they are used, so they may be disposed at once.
   * The result belongs to the caller and later runs never touch it.
   * @param inputs one tensor or typed array, a list of them for `forward(x, y)`, a record for `forward({ x, y })`
   * @returns (a promise of) what `forward` returned; or `options.into`, filled
   * @throws (rejects) ShapeError, DTypeError, DeviceError, ArgumentError, DisposedError for inputs that do not fit
   */
  run(inputs: RunInputs): Promise<Output>;
  run<Into extends Structure<NodeJS.TypedArray>>(
    inputs: RunInputs,
    options: { readonly into: Into },
  ): Promise<Into>;
  async run<Into extends Structure<NodeJS.TypedArray>>(
    inputs: RunInputs,
    options: RunOptions<Into> = {},
  ): Promise<Output | Into> {
    const { into } = options;
    // All up to the first await happens before run returns.
    const { plan, started } = this.#start(inputs, (built) => {
      if (into !== undefined) checkInto(built, into);
    });
    const run = started ?? (await plan!);
    if (into === undefined) return (await finish(run.run, run.built)) as Output;
    await readInto(run.run, run.built, into);
    return into;
  }

  /** Starts a run at once where the batch is planned, else holds the inputs until it is. */
  #start(
    inputs: RunInputs,
    check: (built: BuiltPlan) => void,
  ): { started?: Started; plan?: Promise<Started> } {
    this.#checkAlive('run');
    const { signature } = this.#source;
    const list = readInputs(signature, inputs);
    const batch = checkInputs(signature, list, this.device);
    const ready = this.#batches.ready(batch);
    if (ready !== undefined) {
      check(ready);
      return { started: { built: ready, run: ready.native.run(list) } };
    }
    return { plan: this.#startLater(list, batch, check) };
  }

  async #startLater(list: RunInput[], batch: number, check: (built: BuiltPlan) => void): Promise<Started> {
    const held = holdInputs(this.#source.signature, list, batch, this.device, retain);
    try {
      const built = await this.#batches.get(batch);
      check(built);
      return { built, run: built.native.run(held) };
    } finally {
      for (const tensor of held) tensor.dispose();
    }
  }

  /**
   * Makes sure that a batch is planned, so that its first run need not wait. Without an `'n'` the only one is.
   * @param batch what `'n'` stands for
   */
  async prepare(batch: number): Promise<void> {
    this.#checkAlive('prepare');
    if (!Number.isSafeInteger(batch) || batch < 0) {
      throw new ArgumentError(`prepare: batch must be a non-negative integer, got ${show(batch)}`);
    }
    await this.#batches.get(this.#source.signature.free ? batch : 1);
  }

  /**
   * Time per step: the median over several runs, after one to warm up.
   * @param inputs as for {@link run}
   */
  async profile(inputs: RunInputs, options: ProfileOptions = {}): Promise<Profile> {
    this.#checkAlive('profile');
    const { signature } = this.#source;
    const list = readInputs(signature, inputs);
    const batch = checkInputs(signature, list, this.device);
    const held = holdInputs(signature, list, batch, this.device, retain);
    try {
      const { native } = await this.#batches.get(batch);
      const seconds = await native.profile(held, options);
      return profileOf(native.steps(), seconds);
    } finally {
      for (const tensor of held) tensor.dispose();
    }
  }

  /** What was fused, the algorithm of each step, operations, traffic and memory, as text. */
  describe(): string {
    return printDescription(this.description());
  }

  /** What {@link describe} prints, as data. With an `'n'`, of the batch that was used last. */
  description(): PlanDescription {
    return describePlan(this.#source, this.#latest('describe'));
  }

  /** The network after all passes, without the elements of its constants. With an `'n'`, of the batch used last. */
  get graph(): Graph {
    return this.#latest('graph').graph;
  }

  /** The description and the graph as plain data. */
  toJSON(): PlanDescription & { readonly graph: ReturnType<Graph['toJSON']> } {
    return { ...this.description(), graph: this.graph.toJSON() };
  }

  /** The inputs as `compile` was told them: with an `'n'` where the batch is free. */
  get inputs(): readonly SignatureInput[] {
    return this.#source.signature.inputs;
  }

  /** Whether {@link dispose} was called. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Frees weights and memory once the runs that were queued are done. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#batches.dispose();
    this.#source.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #latest(operation: string): BuiltPlan {
    this.#checkAlive(operation);
    return this.#batches.built().at(-1)!;
  }

  #checkAlive(operation: string): void {
    if (this.#disposed) throw new DisposedError(`${operation}: the plan was used after dispose()`);
  }
}

interface Started {
  readonly built: BuiltPlan;
  readonly run: PlanRun;
}

/** Waits for a run and puts its outputs together as `forward` returned them. */
async function finish({ outputs, done }: PlanRun, { graph }: BuiltPlan): Promise<Structure<Tensor>> {
  try {
    await done;
  } catch (error) {
    for (const output of outputs) output.dispose();
    throw error;
  }
  return mapStructure(graph.result, (index) => outputs[index]!);
}

async function readInto(
  { outputs, done }: PlanRun,
  { graph }: BuiltPlan,
  into: Structure<NodeJS.TypedArray>,
): Promise<void> {
  const reads = intoPairs(graph.result, into).map(([index, target]) => outputs[index]!.readInto(target));
  for (const output of outputs) output.dispose();
  await Promise.all([done, ...reads]);
}

/** Typed arrays with the outputs they are for. */
function intoPairs(
  result: Structure<number>,
  into: Structure<NodeJS.TypedArray>,
): (readonly [index: number, target: NodeJS.TypedArray])[] {
  if (result === null) return [];
  if (typeof result === 'number') {
    if (ArrayBuffer.isView(into)) return [[result, into as NodeJS.TypedArray]];
    throw new ArgumentError(
      'run: into must have a typed array for each tensor that forward returned, where it stood',
    );
  }
  const matches = Array.isArray(result) ? Array.isArray(into) : isPlainRecord(into);
  const keys = Object.keys(result);
  if (!matches || keys.length !== Object.keys(into as object).length) {
    throw new ArgumentError(
      `run: into must be ${Array.isArray(result) ? 'a list' : 'a record'} of ${keys.length} typed arrays, as forward returned tensors`,
    );
  }
  return keys.flatMap((key) =>
    intoPairs(
      (result as Record<string, Structure<number>>)[key]!,
      (into as unknown as Record<string, Structure<NodeJS.TypedArray>>)[key]!,
    ),
  );
}

const ARRAY_OF = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u8: Uint8Array,
} as const;

function checkInto({ graph, native }: BuiltPlan, into: Structure<NodeJS.TypedArray>): void {
  for (const [index, target] of intoPairs(graph.result, into)) {
    const { dtype, shape } = native.outputs[index]!;
    const elements = shape.reduce((product, size) => product * size, 1);
    if (!(target instanceof ARRAY_OF[dtype])) {
      throw new DTypeError(
        `run: into must be a ${ARRAY_OF[dtype].name} for ${dtype}, got a ${target.constructor.name}`,
      );
    }
    if (target.length !== elements) {
      throw new ShapeError(
        `run: into has ${target.length} elements, but the result [${shape.join(', ')}] has ${elements}`,
      );
    }
  }
}
