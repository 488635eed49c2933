import { synchronize, type Tensor } from '@fusor/native';
import { runOp } from '@fusor/native/trace';
import type { Node, Value } from '../../graph/graph.ts';
import type { Pass } from './pass.ts';

// A constant that is larger than what it is computed from costs memory in the plan: up to 4 MiB that is fine.
const MAX_GROWTH_ELEMENTS = 1 << 20;

// Work queued at once, so that the queue of the device never fills.
const BATCH = 32;

/** Computes, once and by the device's own ops, what depends on constants alone: a transposed weight, a mask. */
export const foldConstants: Pass = {
  name: 'fold constants',
  run: async (graph) => {
    const folded = new Map<Value, Value>();
    const nodes: Node[] = [];
    let count = 0;
    for (const node of graph.nodes) {
      const inputs = node.inputs.map((input) => (input === null ? null : (folded.get(input) ?? input)));
      if (!isFoldable(node, inputs)) {
        nodes.push(node);
        continue;
      }
      const tensors = runOp(node.op, inputs.map(tensorOf), node.attributes);
      for (const [index, output] of node.outputs.entries()) {
        const name = node.outputs.length === 1 ? node.name : `${node.name}.${index}`;
        folded.set(output, graph.constant(tensors[index]!, name));
      }
      count += 1;
      if (count % BATCH === 0) await synchronize(tensors[0]!.device);
    }
    graph.nodes = nodes;
    graph.replaceUses(folded);
    return count;
  },
};

/** Nodes without inputs make fills and ranges, which the plan makes as well. */
function isFoldable(node: Node, inputs: readonly (Value | null)[]): boolean {
  if (node.op === 'random' || node.op === 'assign' || inputs.length === 0) return false;
  if (!inputs.every((input) => input === null || input.constant !== undefined)) return false;
  const before = inputs.reduce((sum, input) => sum + (input === null ? 0 : elements(input)), 0);
  const after = node.outputs.reduce((sum, output) => sum + elements(output), 0);
  return after <= Math.max(before, MAX_GROWTH_ELEMENTS);
}

function elements(value: Value): number {
  return value.shape.reduce((product, size) => product * size, 1);
}

function tensorOf(value: Value | null): Tensor | null {
  return value?.constant ?? null;
}
