import type { Node } from '../../graph/graph.ts';
import { activationOf, takesActivation } from './epilogue.ts';
import { isSum } from './fuse-residual.ts';
import { type Fusion, fuseNodes, joinNames, type Pass, type Surroundings, sameShape } from './pass.ts';

/**
 * ReLU, GELU, SiLU or a clamp of a convolution's, linear layer's, batch-norm's or residual addition's result that
 * nothing else uses becomes the activation of its epilogue. A plain sum of equal shapes becomes a residual addition.
 */
export const fuseActivation: Pass = {
  name: 'fuse activation',
  run: (graph) => fuseNodes(graph, match),
};

function match(node: Node, around: Surroundings): Fusion | undefined {
  const activation = activationOf(node);
  const x = node.inputs[0];
  if (activation === undefined || !x || !around.usedOnce(x) || x.dtype !== 'f32') return undefined;
  const layer = around.producer(x);
  if (layer === undefined) return undefined;
  const name = joinNames(layer.name, node.name);
  if (takesActivation(layer)) {
    const attributes = { ...layer.attributes, activation };
    return { absorbed: layer, node: { ...layer, attributes, outputs: node.outputs, name } };
  }
  if (layer.op !== 'binary' || !isSum(layer) || !sameShape(layer.inputs[0]!, layer.inputs[1]!))
    return undefined;
  return {
    absorbed: layer,
    node: {
      op: 'residualAdd',
      attributes: { activation },
      inputs: layer.inputs,
      outputs: node.outputs,
      name,
    },
  };
}
