import type { Graph, Node } from '@fusor/layers';

/**
 * Floating-point operations of one run of a graph: two per multiply-add of its convolutions and matrix products, by
 * their definition (a faster algorithm does fewer). Norms, activations and pooling are less than a hundredth in the
 * networks here and are not counted, as is the custom.
 */
export function countFlops(graph: Graph): number {
  return 2 * graph.nodes.reduce((sum, node) => sum + multiplyAdds(node), 0);
}

function multiplyAdds({ op, inputs, outputs }: Node): number {
  const count = product(outputs[0]!.shape);
  switch (op) {
    case 'conv2d': // weight [k, c / groups, r, s]: each output sums c / groups · r · s products
      return count * product(inputs[1]!.shape.slice(1));
    case 'linear': // weight [outputs, inputs]
      return count * inputs[1]!.shape[1]!;
    case 'matmul': // [..., m, k] @ [..., k, n]
      return count * inputs[0]!.shape.at(-1)!;
    default:
      return 0;
  }
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
