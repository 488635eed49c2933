import type { Node, Value } from '../../graph/graph.ts';
import { inputAt, isInactive, residualPlace, withInput } from './epilogue.ts';
import { type Fusion, fuseNodes, joinNames, type Pass, type Surroundings, sameShape } from './pass.ts';

/**
 * A sum of which one part is a convolution's, linear layer's or batch-norm's result that nothing else uses becomes the
 * residual of its epilogue: activation(conv + bias + residual). Where both parts would do, the first takes the second.
 */
export const fuseResidual: Pass = {
  name: 'fuse residual add',
  run: (graph) => fuseNodes(graph, match),
};

function match(node: Node, around: Surroundings): Fusion | undefined {
  if (!isSum(node)) return undefined;
  const [a, b] = node.inputs as [Value, Value];
  // The epilogue does not broadcast.
  if (a.dtype !== 'f32' || b.dtype !== 'f32' || !sameShape(a, b)) return undefined;
  return tryAdd(node, a, b, around) ?? tryAdd(node, b, a, around);
}

function tryAdd(node: Node, x: Value, residual: Value, around: Surroundings): Fusion | undefined {
  const layer = around.producer(x);
  if (layer === undefined || !around.usedOnce(x) || !isInactive(layer)) return undefined;
  const place = residualPlace(layer);
  if (place === undefined || inputAt(layer, place) !== null) return undefined;
  return {
    absorbed: layer,
    node: {
      ...layer,
      // A residual addition may have an activation of its own.
      attributes: { ...layer.attributes, activation: node.attributes.activation ?? 'none' },
      inputs: withInput(layer, place, residual),
      outputs: node.outputs,
      name: joinNames(layer.name, node.name),
    },
  };
}

/** Whether a node adds two values. */
export function isSum(node: Node): boolean {
  return node.op === 'residualAdd' || (node.op === 'binary' && node.attributes.function === 'add');
}
