import type { Node, Value } from '../../graph/graph.ts';
import { inputAt, isInactive } from './epilogue.ts';
import { isSum } from './fuse-residual.ts';
import { joinNames, type Pass, sameShape } from './pass.ts';

/**
 * A sum and the layer-norm of it are computed in one pass over memory; both come out, since the sum goes on as the
 * next residual. A second layer-norm of the same sum stays as it is.
 */
export const fuseAddLayerNorm: Pass = {
  name: 'fuse add + layer-norm',
  run: (graph) => {
    const producers = graph.producers();
    const fused = new Map<Node, Node>();
    const gone = new Set<Node>();
    for (const node of graph.nodes) {
      const sum = node.inputs[0];
      if (node.op !== 'layerNorm' || !sum) continue;
      const add = producers.get(sum);
      if (add === undefined || fused.has(add) || !isPlainSum(add)) continue;
      const weight = inputAt(node, 1);
      const bias = inputAt(node, 2);
      // The fused node stands where the sum stood, for others may use it before the layer-norm.
      if (![weight, bias].every((value) => value === null || !producers.has(value))) continue;
      fused.set(add, {
        op: 'addLayerNorm',
        attributes: node.attributes,
        inputs: [...(add.inputs as [Value, Value]), weight, bias],
        outputs: [sum, node.outputs[0]!],
        name: joinNames(add.name, node.name),
      });
      gone.add(node);
    }
    graph.nodes = graph.nodes.filter((node) => !gone.has(node)).map((node) => fused.get(node) ?? node);
    return fused.size;
  },
};

function isPlainSum(add: Node): boolean {
  const [a, b] = add.inputs as [Value, Value];
  if (!isSum(add) || a.dtype !== 'f32' || !sameShape(a, b)) return false;
  return add.op === 'binary' || isInactive(add);
}
