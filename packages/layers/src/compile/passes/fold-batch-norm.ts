import { synchronize, type Tensor } from '@fusor/native';
import { foldBatchNorm as foldWeights } from '@fusor/native/trace';
import type { Graph, Node, Value } from '../../graph/graph.ts';
import { inputAt, isInactive, residualPlace, withInput } from './epilogue.ts';
import { type Fusion, fuseNodes, joinNames, type Pass, type Surroundings } from './pass.ts';

/**
 * A batch-norm after a convolution or linear layer that nothing else uses goes into its weight and bias, which are
 * computed anew in f64: w' = w · γ / √(σ² + ε), b' = (b − μ) · γ / √(σ² + ε) + β.
 */
export const foldBatchNorm: Pass = {
  name: 'fold batch-norm',
  run: async (graph) => {
    const plans: { fusion: Fusion; bias: Value }[] = [];
    const count = fuseNodes(graph, (node, around) => {
      const fusion = match(graph, node, around);
      if (fusion !== undefined) plans.push({ fusion, bias: fusion.node.inputs[2]! });
      return fusion;
    });
    // The folding is queued by now; what follows finds the queue with room.
    const device = plans.at(-1)?.bias.constant?.device;
    if (device !== undefined) await synchronize(device);
    return count;
  },
};

function match(graph: Graph, node: Node, around: Surroundings): Fusion | undefined {
  const x = node.inputs[0];
  if (node.op !== 'batchNorm' || !x || !around.usedOnce(x)) return undefined;
  const layer = around.producer(x);
  if (layer === undefined || !isFoldable(layer)) return undefined;
  // Along which dimension a linear layer's channels lie only agrees with batch-norm's for [n, c].
  if (layer.op === 'linear' && x.shape.length !== 2) return undefined;
  const weight = constantAt(layer, 1);
  const bias = constantAt(layer, 2);
  const [mean, variance, gamma, beta] = [1, 2, 3, 4].map((place) => constantAt(node, place));
  if (!weight || !mean || !variance) return undefined;
  if (bias === undefined || gamma === undefined || beta === undefined) return undefined;
  const folded = foldWeights(weight, {
    bias,
    mean,
    variance,
    gamma,
    beta,
    eps: Number(node.attributes.epsilon),
  });
  const name = joinNames(layer.name, node.name);
  let result: Node = {
    op: layer.op,
    attributes: { ...layer.attributes, activation: node.attributes.activation! },
    inputs: [
      layer.inputs[0]!,
      graph.constant(folded.weight, `${name}: weight`),
      graph.constant(folded.bias, `${name}: bias`),
      null,
    ],
    outputs: node.outputs,
    name,
  };
  const residual = inputAt(node, residualPlace(node)!);
  if (residual !== null) result = { ...result, inputs: withInput(result, 3, residual) };
  return { absorbed: layer, node: result };
}

/** A convolution or linear layer whose result goes out as it is. */
function isFoldable(layer: Node): boolean {
  const place = residualPlace(layer);
  return (
    (layer.op === 'conv2d' || layer.op === 'linear') && isInactive(layer) && inputAt(layer, place!) === null
  );
}

/** A constant's tensor, null for an absent input, undefined for one that is not constant. */
function constantAt(node: Node, place: number): Tensor | null | undefined {
  const value = inputAt(node, place);
  return value === null ? null : value.constant;
}
