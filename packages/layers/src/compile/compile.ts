import { ArgumentError } from '@fusor/errors';
import type { Tensor } from '@fusor/native';
import { prepareDevice } from '@fusor/native/trace';
import { show } from '../arguments.ts';
import { Graph } from '../graph/graph.ts';
import { walkModules, walkTensors } from '../module/fields.ts';
import { isModule } from '../module/kind.ts';
import type { AnyModule, Module } from '../module/module.ts';
import { markReleased } from '../module/released.ts';
import { recordGraph } from '../trace/record.ts';
import { readSignature, type Signature } from '../trace/signature.ts';
import { type BuiltPlan, buildGraph } from './build.ts';
import {
  type CompileOptions,
  type PlanBuildOptions,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts';
import { Plan } from './plan.ts';
import { Snapshot } from './snapshot.ts';

// Batch that a free one is planned for first: that of a single image.
const FIRST_BATCH = 1;

/**
 * Makes a plan of a module: traces `forward` once, folds batch-norm, fuses epilogues, and has the device choose
 * algorithms, pack the weights and lay out the memory. The event loop is not held up: all that takes long happens on
 * the device's own thread.
 *
 * ```ts
 * const plan = await compile(model.eval(), { input: [1, 3, 224, 224] });
 * const logits = await plan.run(pixels);   // a Tensor or a Float32Array
 * console.log(plan.describe());
 * plan.dispose();
 * ```
 * The module must be in inference mode as far as it has dropout or batch-norm. A {@link Graph} with all its constants
 * can be compiled too, for the shapes it has.
 * @throws {TraceError} for what cannot be compiled, with the module it is in; ArgumentError for options
 */
export function compile<Output>(
  model: Module<Output, never[]>,
  options: CompileOptions,
): Promise<Plan<Output>>;
export function compile(graph: Graph, options?: PlanBuildOptions): Promise<Plan<unknown>>;
export async function compile(
  model: AnyModule | Graph,
  options: Partial<CompileOptions> = {},
): Promise<Plan<unknown>> {
  const opening = prepareDevice((options as Partial<CompileOptions> | null)?.device ?? 'auto');
  if (opening !== undefined) await opening;
  const resolved = resolveOptions(options);
  if (model instanceof Graph) return compileGraph(model, resolved);
  if (!isModule(model))
    throw new ArgumentError(`compile: model must be a Module or a Graph, got ${show(model)}`);
  if (options.input === undefined) {
    throw new ArgumentError('compile: the option input is missing; give the shape, such as [1, 3, 224, 224]');
  }
  const signature = readSignature('compile', options.input);
  return signature.free ? compileFree(model, signature, resolved) : compileFixed(model, signature, resolved);
}

/** One plan; all that it needs is packed when `compile` returns. */
async function compileFixed(
  model: AnyModule,
  signature: Signature,
  options: ResolvedOptions,
): Promise<Plan<unknown>> {
  const graph = recordGraph(model, traced(signature, options), {
    batch: FIRST_BATCH,
    device: options.device,
  });
  const { name } = model.constructor;
  if (options.weights === 'keep') return planOf(name, signature, options, graph);
  const handedOver = (): void => {
    for (const tensor of release(model)) tensor.dispose();
  };
  return planOf(name, signature, options, graph, { handedOver });
}

/** A plan for each batch that is met; the weights are kept for those to come. */
async function compileFree(
  model: AnyModule,
  signature: Signature,
  options: ResolvedOptions,
): Promise<Plan<unknown>> {
  const { device } = options;
  const recorded = traced(signature, options);
  const first = recordGraph(model, recorded, { batch: FIRST_BATCH, device });
  let snapshot = options.weights === 'keep' ? new Snapshot(model, 'copy') : undefined;
  const again = (batch: number): Graph => {
    const weights = snapshot!.tensors;
    return snapshot!.with(() => recordGraph(model, recorded, { batch, device, weights }));
  };
  const plan = await planOf(model.constructor.name, signature, options, first, {
    again,
    release: () => snapshot?.dispose(),
  });
  if (snapshot === undefined) {
    snapshot = new Snapshot(model, 'move');
    release(model);
  }
  return plan;
}

/** The signature that a network is traced with: in f32 where it is computed in 16 bits, so that its weights fit. */
function traced(signature: Signature, options: ResolvedOptions): Signature {
  if (options.dtype === 'f32') return signature;
  const inputs = signature.inputs.map((input) =>
    input.dtype === options.dtype ? { ...input, dtype: 'f32' as const } : input,
  );
  return { ...signature, inputs };
}

/** A plan of a graph that is there, or was read from JSON. */
async function compileGraph(graph: Graph, options: ResolvedOptions): Promise<Plan<unknown>> {
  const missing = graph.constants().filter((value) => value.constant === undefined);
  if (missing.length > 0) {
    throw new ArgumentError(
      `compile: the graph has no elements for ${missing.map((value) => value.name ?? `%${value.id}`).join(', ')}; ` +
        'give its constants to Graph.fromJSON',
    );
  }
  const inputs = graph.inputs.map(({ name, id, dtype, shape }) => ({ name: name ?? `%${id}`, dtype, shape }));
  return planOf('graph', { kind: graph.inputKind, inputs, free: false }, options, graph.copy());
}

interface Hooks {
  /** The graph of another batch than the first. */
  readonly again?: (batch: number) => Graph;
  /** Frees what `again` needs. */
  readonly release?: () => void;
  /** As {@link buildGraph} takes it. */
  readonly handedOver?: () => void;
}

/** Plans the first batch, from `first`, and leaves others to `again`. */
async function planOf(
  name: string,
  signature: Signature,
  options: ResolvedOptions,
  first: Graph,
  { again, release = () => undefined, handedOver }: Hooks = {},
): Promise<Plan<unknown>> {
  let unused: Graph | undefined = first;
  const build = async (batch: number): Promise<BuiltPlan> => {
    const graph = unused ?? again!(batch);
    unused = undefined;
    const inputs = signature.inputs.map((input) => input.dtype);
    return buildGraph(graph, inputs, options, handedOver);
  };
  const plan = new Plan<unknown>({ name, signature, options, build, release });
  try {
    await plan.prepare(FIRST_BATCH);
    return plan;
  } catch (error) {
    plan.dispose();
    throw error;
  }
}

/** Makes further use of a module an error, and gives the tensors it had. */
function release(model: AnyModule): Tensor[] {
  const tensors = walkTensors(model).map(({ tensor }) => tensor);
  for (const [, module] of walkModules(model)) markReleased(module);
  return tensors;
}
