import { scope } from '@fusor/native';
import type { Graph, Node, Value } from '../../graph/graph.ts';
import { biasPlace, inputAt, isInactive, withInput } from './epilogue.ts';
import { type Fusion, fuseNodes, joinNames, type Pass, type Surroundings } from './pass.ts';

/** A constant added to every output channel of a convolution or linear layer becomes its bias. */
export const fuseBias: Pass = {
  name: 'fuse bias',
  run: (graph) => fuseNodes(graph, (node, around) => match(graph, node, around)),
};

function match(graph: Graph, node: Node, around: Surroundings): Fusion | undefined {
  if (node.op !== 'binary' || node.attributes.function !== 'add') return undefined;
  const [a, b] = node.inputs as [Value, Value];
  return tryAdd(graph, node, a, b, around) ?? tryAdd(graph, node, b, a, around);
}

function tryAdd(graph: Graph, node: Node, x: Value, added: Value, around: Surroundings): Fusion | undefined {
  const layer = around.producer(x);
  if (layer === undefined || !around.usedOnce(x) || !isInactive(layer)) return undefined;
  const place = biasPlace(layer);
  if (place === undefined || added.constant === undefined || !isPerChannel(layer, x, added)) return undefined;
  const channels = channelDim(layer, x);
  const bias = inputAt(layer, place);
  if (bias !== null && bias.constant === undefined) return undefined;
  const summed = scope(() => {
    const flat = added.constant!.reshape([-1]).expand([x.shape[channels]!]);
    return bias === null ? flat.mul(1) : flat.add(bias.constant!);
  });
  const name = joinNames(layer.name, node.name);
  const inputs = withInput(layer, place, graph.constant(summed, `${name}: bias`));
  return { absorbed: layer, node: { ...layer, inputs, outputs: node.outputs, name } };
}

/** Convolutions have their channels in dimension 1, linear layers in the last. */
function channelDim(layer: Node, x: Value): number {
  return layer.op === 'conv2d' ? 1 : x.shape.length - 1;
}

/** Whether a value has one element for each channel, or one for all, and leaves the shape of x as it is. */
function isPerChannel(layer: Node, x: Value, added: Value): boolean {
  const offset = x.shape.length - added.shape.length;
  const channels = channelDim(layer, x);
  return (
    added.dtype === x.dtype &&
    offset >= 0 &&
    added.shape.every((size, dim) => size === 1 || (dim + offset === channels && size === x.shape[channels]))
  );
}
