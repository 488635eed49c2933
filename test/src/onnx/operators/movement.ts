import { ops, Tensor } from '@fusor/native';
import type { Call, OperatorTable } from '../call.ts';
import { fusorDType, numbersOf, Refusal, toTensor } from '../values.ts';
import { indices, range } from './shared.ts';

/** Negative indices count from the end in ONNX. */
async function positiveIndices(call: Call, index: number, size: number): Promise<Tensor> {
  const values = (await call.numbers(index))!;
  const shape = call.input(index).shape;
  return ops.reshape(indices(values.map((value) => (value < 0 ? value + size : value))), shape);
}

async function reshape(call: Call): Promise<Tensor> {
  const x = call.input(0);
  const wanted = (await call.attributeOrInput('shape', 1))!;
  // 0 keeps the size that stands at this place, unless `allowzero` wants it literally.
  const shape = wanted.map((size, axis) => (size === 0 && !call.flag('allowzero') ? x.shape[axis]! : size));
  return ops.reshape(x, shape);
}

async function unsqueeze(call: Call): Promise<Tensor> {
  const x = call.input(0);
  const axes = (await call.attributeOrInput('axes', 1))!;
  const rank = x.shape.length + axes.length;
  const inserted = new Set(axes.map((axis) => call.axis(axis, rank)));
  const kept = x.shape.values();
  return ops.reshape(
    x,
    range(rank).map((axis) => (inserted.has(axis) ? 1 : kept.next().value!)),
  );
}

async function squeeze(call: Call): Promise<Tensor> {
  const x = call.input(0);
  const axes = (await call.attributeOrInput('axes', 1))?.map((axis) => call.axis(axis));
  const removed = (axis: number) => (axes === undefined ? x.shape[axis] === 1 : axes.includes(axis));
  return ops.reshape(
    x,
    x.shape.filter((_, axis) => !removed(axis)),
  );
}

/** A view where the steps go forward, a selection by index where they go back. */
async function slice(call: Call): Promise<Tensor> {
  let x = call.input(0);
  const starts = (await call.attributeOrInput('starts', 1))!;
  const ends = (await call.attributeOrInput('ends', 2))!;
  const axes = (await call.attributeOrInput('axes', 3)) ?? range(starts.length);
  const steps = (await call.numbers(4)) ?? starts.map(() => 1);
  for (const [place, givenAxis] of axes.entries()) {
    const axis = call.axis(givenAxis, x.shape.length);
    const [size, step] = [x.shape[axis]!, steps[place]!];
    const fromEnd = (value: number) => (value < 0 ? value + size : value);
    if (step > 0) {
      const bound = (value: number) => Math.min(Math.max(fromEnd(value), 0), size);
      const start = bound(starts[place]!);
      const end = Math.max(start, bound(ends[place]!));
      x = ops.slice(x, axis, start, end, step);
    } else {
      const start = Math.min(fromEnd(starts[place]!), size - 1);
      const end = Math.max(fromEnd(ends[place]!), -1);
      const places: number[] = [];
      for (let at = start; at > end; at += step) places.push(at);
      x = ops.indexSelect(x, axis, indices(places));
    }
  }
  return x;
}

async function pad(call: Call): Promise<Tensor> {
  const x = call.input(0);
  const rank = x.shape.length;
  const pads = call.integers('pads') ?? call.integers('paddings') ?? (await call.numbers(1))!;
  const value = call.float('value') ?? (await call.numbers(2))?.[0] ?? 0;
  const mode = call.string('mode', 'constant');
  // ONNX: all beginnings, then all ends. Here as in PyTorch: pairs, the last axis first.
  const pairs = range(rank)
    .toReversed()
    .flatMap((axis) => [pads[axis]!, pads[axis + rank]!]);
  if (mode === 'constant') return ops.pad(x, pairs, { value });
  return ops.pad(x, pairs, { mode: mode === 'edge' ? 'replicate' : 'reflect' });
}

async function split(call: Call): Promise<Tensor[]> {
  const x = call.input(0);
  const axis = call.axis(call.integer('axis', 0));
  const outputs = call.node.outputs.length;
  const sizes =
    (await call.attributeOrInput('split', 1)) ?? Array<number>(outputs).fill(x.shape[axis]! / outputs);
  let start = 0;
  return sizes.map((size) => {
    const part = ops.slice(x, axis, start, start + size);
    start += size;
    return part;
  });
}

async function expand(call: Call): Promise<Tensor> {
  const x = call.input(0);
  const wanted = (await call.numbers(1))!;
  // Either side may be the longer one, and either may have the 1.
  const rank = Math.max(x.shape.length, wanted.length);
  const align = (shape: readonly number[]) => [...Array<number>(rank - shape.length).fill(1), ...shape];
  const [own, other] = [align(x.shape), align(wanted)];
  return ops.expand(
    x,
    own.map((size, axis) => (size === 1 ? other[axis]! : size)),
  );
}

async function tile(call: Call): Promise<Tensor> {
  const repeats = (await call.numbers(1))!;
  return repeats.reduce(
    (x, count, axis) => (count === 1 ? x : ops.concat(Array<Tensor>(count).fill(x), axis)),
    call.input(0),
  );
}

/** Blocks of channels to blocks of pixels: PixelShuffle (CRD) or with the block before the channel (DCR). */
function depthToSpace(call: Call): Tensor {
  const x = call.input(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const block = call.integer('blocksize', 1);
  const depth = c / block ** 2;
  const columnFirst = call.string('mode', 'DCR') === 'CRD';
  const parts = columnFirst ? [n, depth, block, block, h, w] : [n, block, block, depth, h, w];
  const order = columnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  return ops.reshape(ops.permute(ops.reshape(x, parts), order), [n, depth, h * block, w * block]);
}

function spaceToDepth(call: Call): Tensor {
  const x = call.input(0);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const block = call.integer('blocksize', 1);
  const parts = ops.reshape(x, [n, c, h / block, block, w / block, block]);
  return ops.reshape(ops.permute(parts, [0, 3, 5, 1, 2, 4]), [n, c * block ** 2, h / block, w / block]);
}

/** Keeps the lower or upper triangle of the last two axes: compares row and column numbers. */
async function triangle(call: Call): Promise<Tensor> {
  const x = call.input(0);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const diagonal = (await call.numbers(1))?.[0] ?? 0;
  const row = ops.reshape(Tensor.arange(0, rows, 1, { dtype: 'i64' }), [rows, 1]);
  const column = ops.sub(Tensor.arange(0, columns, 1, { dtype: 'i64' }), diagonal);
  const kept = call.flag('upper', true) ? ops.ge(column, row) : ops.le(column, row);
  return ops.where(kept, x, 0);
}

async function oneHot(call: Call): Promise<Tensor> {
  const depth = (await call.numbers(1))![0]!;
  const given = call.input(0);
  const places = ops.convert(given, 'i64');
  const rank = given.shape.length + 1;
  const axis = call.axis(call.integer('axis', -1), rank);
  const spread = ops.reshape(places, [...given.shape.slice(0, axis), 1, ...given.shape.slice(axis)]);
  const classes = ops.reshape(
    Tensor.arange(0, depth, 1, { dtype: 'i64' }),
    range(rank).map((at) => (at === axis ? depth : 1)),
  );
  const wrapped = ops.remainder(spread, depth);
  const values = call.input(2);
  const [off, on] = [0, 1].map((at) => ops.reshape(ops.slice(values, 0, at, at + 1), []));
  return ops.where(ops.eq(wrapped, classes), on!, off!);
}

async function compress(call: Call): Promise<Tensor> {
  const axis = call.integer('axis');
  const x = axis === undefined ? ops.reshape(call.input(0), [-1]) : call.input(0);
  const kept = (await call.numbers(1))!.flatMap((keep, index) => (keep ? [index] : []));
  return ops.indexSelect(x, axis === undefined ? 0 : call.axis(axis), indices(kept));
}

async function arange(call: Call): Promise<Tensor> {
  const [start, limit, delta] = [await call.numbers(0), await call.numbers(1), await call.numbers(2)].map(
    (values) => values![0]!,
  ) as [number, number, number];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  const steps = Tensor.arange(0, count, 1, { dtype: call.input(0).dtype });
  return ops.add(ops.mul(steps, delta), start);
}

function constant(call: Call): Tensor {
  const tensor = call.tensor('value');
  if (tensor !== undefined) return toTensor(tensor);
  const whole = call.integer('value_int');
  if (whole !== undefined) return ops.reshape(indices([whole]), []);
  const many = call.integers('value_ints');
  if (many !== undefined) return indices(many);
  const real = call.float('value_float');
  if (real !== undefined) return Tensor.from([real], [], { dtype: 'f32' });
  const reals = call.floats('value_floats');
  if (reals !== undefined) return Tensor.from(Float32Array.from(reals));
  throw new Refusal('constants that are not numbers');
}

async function constantOfShape(call: Call): Promise<Tensor> {
  const value = call.tensor('value');
  const shape = (await call.numbers(0))!;
  if (value === undefined) return Tensor.zeros(shape);
  return Tensor.full(shape, numbersOf(value)[0]!, { dtype: fusorDType(value.dataType) });
}

export const movement: OperatorTable = {
  Reshape: reshape,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: (call) =>
    ops.permute(call.input(0), call.integers('perm') ?? range(call.input(0).shape.length).toReversed()),
  Slice: slice,
  Pad: pad,
  Split: split,
  Expand: expand,
  Tile: tile,
  Concat: (call) =>
    ops.concat(
      call.inputs.map((_, index) => call.input(index)),
      call.axis(call.integer('axis', 1)),
    ),
  Gather: async (call) => {
    const axis = call.axis(call.integer('axis', 0));
    return ops.indexSelect(call.input(0), axis, await positiveIndices(call, 1, call.input(0).shape[axis]!));
  },
  GatherElements: async (call) => {
    const axis = call.axis(call.integer('axis', 0));
    return ops.gather(call.input(0), axis, await positiveIndices(call, 1, call.input(0).shape[axis]!));
  },
  Compress: compress,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: triangle,
  OneHot: oneHot,
  Range: arange,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: (call) => {
    const shape = call.input(0).shape;
    return indices(shape.slice(call.integer('start', 0), call.integer('end', shape.length)));
  },
  Size: (call) => ops.reshape(indices([call.input(0).shape.reduce((total, size) => total * size, 1)]), []),
};
