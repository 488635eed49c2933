import type { Node } from '../graph/graph.ts';

/**
 * Floating point operations of a node, as they are usually counted: two for each multiply-add of convolutions and
 * matrix products by their direct algorithm, nothing for all else.
 */
export function flopsOf(node: Node): number {
  const weight = node.inputs[1]?.shape;
  const output = node.outputs[0]!.shape;
  switch (node.op) {
    case 'conv2d':
      return 2 * elements(output) * elements(weight!.slice(1));
    case 'linear':
      return 2 * elements(output) * weight!.at(-1)!;
    case 'matmul':
      return 2 * elements(output) * node.inputs[0]!.shape.at(-1)!;
    default:
      return 0;
  }
}

/** The number of elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
