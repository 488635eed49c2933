import type { Device, DType } from '@fusor/native';
import { buildPlan, type NativePlan } from '@fusor/native/trace';
import type { Graph, Value } from '../graph/graph.ts';
import type { ResolvedOptions } from './options.ts';
import { type PassCounts, runPasses } from './passes/index.ts';
import { toDType } from './to-dtype.ts';

/** A network ready to run at one batch size. */
export interface BuiltPlan {
  readonly native: NativePlan;
  /** What it computes, after the passes, without the elements of its constants. */
  readonly graph: Graph;
  /** How many nodes were traced. */
  readonly traced: number;
  readonly counts: PassCounts;
}

/**
 * Optimizes a graph and has the engine make a plan of it. The graph is used up.
 * @param inputs the dtypes in which the inputs come
 * @param handedOver told when the engine has taken hold of the constants; from then on it alone should, so that each can
 *   go as soon as it is packed
 */
export async function buildGraph(
  graph: Graph,
  inputs: readonly DType[],
  options: ResolvedOptions,
  handedOver: () => void = () => undefined,
): Promise<BuiltPlan> {
  let final = graph;
  try {
    const traced = graph.nodes.length;
    const counts = await runPasses(graph);
    if (options.dtype !== 'f32') final = await toDType(graph, options.dtype, inputs);
    const native = buildPlan(reachable(final, options.device).toNative(), options.build);
    const outline = final.outline();
    final.dispose();
    graph.dispose();
    handedOver();
    return { native: await native, graph: outline, traced, counts };
  } finally {
    final.dispose();
    graph.dispose();
  }
}

/** Brings constants that lie on a third device to the host, from where every device can read them. */
function reachable(graph: Graph, device: Device): Graph {
  const moved = new Map<Value, Value>();
  for (const value of graph.constants()) {
    const { constant } = value;
    if (constant === undefined || constant.device === 'cpu' || constant.device === device) continue;
    moved.set(value, graph.constant(constant.to('cpu'), value.name!));
  }
  graph.replaceUses(moved);
  return graph;
}
