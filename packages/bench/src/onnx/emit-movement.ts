import type { Emit, Emitters } from './emit-network.ts';
import type { Emitter } from './emitter.ts';

const padModes: Readonly<Record<string, string>> = {
  constant: 'constant',
  reflect: 'reflect',
  replicate: 'edge',
};

const pad: Emit = (node) => {
  const mode = padModes[node.text('mode')];
  if (mode === undefined) throw node.unsupported(`mode ${node.text('mode')}`);
  const pads = node.integers([...node.numbers('before'), ...node.numbers('after')]);
  const value = mode === 'constant' ? [node.scalar(node.dtype(0), node.number('value'))] : [];
  node.finish('Pad', [node.input(0), pads, ...value], { mode: { string: mode } });
};

const slice: Emit = (node) => {
  const axes = node.shape(0).map((_, axis) => axis);
  node.finish('Slice', [
    node.input(0),
    node.integers(node.numbers('start')),
    node.integers(node.numbers('end')),
    node.integers(axes),
    node.integers(node.numbers('step')),
  ]);
};

/** A constant of one value, repeated by Expand: the file does not grow with it. */
const fill: Emit = (node) =>
  node.finish('Expand', [
    node.scalar(node.outputDType(), node.number('value')),
    node.integers(node.outputShape()),
  ]);

const arange: Emit = (node) => {
  const [count, start, step] = [node.number('count'), node.number('start'), node.number('step')];
  const dtype = node.outputDType();
  const places = node.emit('Range', [
    node.scalar('i64', 0),
    node.scalar('i64', count),
    node.scalar('i64', 1),
  ]);
  const scaled = node.emit('Mul', [node.cast(places, dtype), node.scalar(dtype, step)]);
  node.finish('Add', [scaled, node.scalar(dtype, start)]);
};

const axisOf = (node: Emitter) => ({ axis: { int: node.number('dim') } });

export const movementOps: Emitters = {
  pad,
  concat: (node) =>
    node.finish(
      'Concat',
      node.node.inputs.map((_, index) => node.input(index)),
      axisOf(node),
    ),
  gather: (node) => node.finish('GatherElements', [node.input(0), node.input(1)], axisOf(node)),
  indexSelect: (node) => node.finish('Gather', [node.input(0), node.input(1)], axisOf(node)),
  // Shapes are written out, so that zero sizes are sizes: without `allowzero` a 0 would mean "as it was".
  reshape: (node) =>
    node.finish('Reshape', [node.input(0), node.integers(node.outputShape())], { allowzero: { int: 1 } }),
  permute: (node) => node.finish('Transpose', [node.input(0)], { perm: { ints: node.numbers('order') } }),
  slice,
  expand: (node) => node.finish('Expand', [node.input(0), node.integers(node.outputShape())]),
  fill,
  arange,
};
