import type { Node } from '../../graph/graph.ts';
import { type Fusion, fuseNodes, joinNames, type Pass, type Surroundings } from './pass.ts';

/** Zeros that are put around an image only for a convolution become the convolution's own padding. */
export const foldPadding: Pass = {
  name: 'fold padding',
  run: (graph) => fuseNodes(graph, match),
};

function match(node: Node, around: Surroundings): Fusion | undefined {
  const x = node.inputs[0];
  if (node.op !== 'conv2d' || !x || !around.usedOnce(x)) return undefined;
  const pad = around.producer(x);
  if (pad?.op !== 'pad' || pad.attributes.mode !== 'constant' || pad.attributes.value !== 0) return undefined;
  const before = pad.attributes.before as readonly number[];
  const after = pad.attributes.after as readonly number[];
  // Batch and channels must stay, and rows that are cut off cannot be put back by padding.
  if ([before[0], after[0], before[1], after[1]].some((amount) => amount !== 0)) return undefined;
  const added = [before[2]!, after[2]!, before[3]!, after[3]!];
  if (added.some((amount) => amount < 0)) return undefined;
  const own = node.attributes.padding as readonly number[];
  const padding = own.map((amount, side) => amount + added[side]!);
  return {
    absorbed: pad,
    node: {
      ...node,
      attributes: { ...node.attributes, padding },
      inputs: [pad.inputs[0]!, ...node.inputs.slice(1)],
      name: joinNames(pad.name, node.name),
    },
  };
}
