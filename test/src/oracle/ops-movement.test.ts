// Ops that move elements, against onnxruntime: results must be equal to the bit.

import { ops } from '@fusor/native';
import { describe, it } from 'vitest';
import { expectSame } from './onnxruntime.ts';
import { Random } from './random.ts';

const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed);
const exactly = { tolerance: 0 };

/** A shape of 1 to 4 sizes. */
function someShape(random: Random, lowestRank = 1): number[] {
  return random.shape(random.integer(lowestRank, 4)).map((size) => Math.min(size, 13));
}

function shuffled(random: Random, count: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; --last) {
    const other = random.integer(0, last);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

describe('moving data', () => {
  it.each(seeds(12))('pad equals Pad: constant, reflect and replicate, random case %i', async (seed) => {
    const random = new Random(seed);
    const shape = someShape(random).map((size) => size + 3);
    const mode = random.pick(['constant', 'reflect', 'replicate'] as const);
    const before = shape.map(() => random.integer(0, 3));
    const after = shape.map(() => random.integer(0, 3));
    const value = mode === 'constant' ? 2.5 : 0;
    const amounts = shape
      .map((_, dim) => [before[dim]!, after[dim]!])
      .toReversed()
      .flat();
    await expectSame({
      ...exactly,
      inputs: { x: random.floats(shape) },
      fusor: ({ x }) => ops.pad(x, amounts, mode === 'constant' ? { value } : { mode }),
      onnx: (builder) => {
        const pads = BigInt64Array.from([...before, ...after], BigInt);
        builder.addInitializer('pads', 'i64', [pads.length], pads);
        builder.addInitializer('value', 'f32', [], Float32Array.of(value));
        builder.addNode('Pad', ['x', 'pads', 'value'], ['y'], {
          mode: { string: mode === 'replicate' ? 'edge' : mode },
        });
        return 'y';
      },
    });
  });

  it.each(seeds(12))('concat equals Concat along any dimension, random case %i', async (seed) => {
    const random = new Random(seed);
    const shape = someShape(random);
    const dim = random.integer(0, shape.length - 1);
    const other = shape.map((size, at) => (at === dim ? random.size() : size));
    await expectSame({
      ...exactly,
      inputs: { a: random.floats(shape), b: random.floats(other), c: random.floats(shape) },
      fusor: ({ a, b, c }) => ops.concat([a, b, c], dim),
      onnx: (builder) => {
        builder.addNode('Concat', ['a', 'b', 'c'], ['y'], { axis: { int: dim } });
        return 'y';
      },
    });
  });

  it.each(seeds(16))(
    'slice, permute and reshape equal Slice, Transpose and Reshape, random case %i',
    async (seed) => {
      const random = new Random(seed);
      const shape = someShape(random);
      const dim = random.integer(0, shape.length - 1);
      const start = random.integer(-shape[dim]!, shape[dim]! - 1);
      const end = random.integer(-shape[dim]!, shape[dim]! + 3);
      const step = random.integer(1, 3);
      const order = shuffled(random, shape.length);
      await expectSame({
        ...exactly,
        inputs: { x: random.floats(shape) },
        fusor: ({ x }) => ops.reshape(ops.permute(ops.slice(x, dim, start, end, step), order), [1, -1]),
        onnx: (builder) => {
          const list = (name: string, value: number) =>
            builder.addInitializer(name, 'i64', [1], BigInt64Array.of(BigInt(value)));
          list('start', start);
          list('end', end);
          list('axis', dim);
          list('step', step);
          builder.addInitializer('shape', 'i64', [2], BigInt64Array.of(1n, -1n));
          builder.addNode('Slice', ['x', 'start', 'end', 'axis', 'step'], ['slice']);
          builder.addNode('Transpose', ['slice'], ['permuted'], { perm: { ints: order } });
          // An empty slice cannot be reshaped with a free size by either; -1 then means 0 in ONNX and an error here.
          builder.addNode('Reshape', ['permuted', 'shape'], ['y']);
          return 'y';
        },
      });
    },
  );

  it.each(seeds(8))('expand equals Expand, random case %i', async (seed) => {
    const random = new Random(seed);
    const shape = someShape(random);
    const source = random.broadcastable(shape);
    await expectSame({
      ...exactly,
      inputs: { x: random.floats(source) },
      fusor: ({ x }) => ops.expand(x, shape),
      onnx: (builder) => {
        builder.addInitializer('shape', 'i64', [shape.length], BigInt64Array.from(shape, BigInt));
        builder.addNode('Expand', ['x', 'shape'], ['y']);
        return 'y';
      },
    });
  });

  it.each(seeds(8))('indexSelect equals Gather with an index of any rank, random case %i', async (seed) => {
    const random = new Random(seed);
    const shape = someShape(random);
    const dim = random.integer(0, shape.length - 1);
    await expectSame({
      ...exactly,
      inputs: {
        x: random.floats(shape),
        index: random.integers(random.shape(random.integer(0, 2)), 0, shape[dim]! - 1),
      },
      fusor: ({ x, index }) => ops.indexSelect(x, dim, index),
      onnx: (builder) => {
        builder.addNode('Gather', ['x', 'index'], ['y'], { axis: { int: dim } });
        return 'y';
      },
    });
  });

  it.each(seeds(8))('gather equals GatherElements, random case %i', async (seed) => {
    const random = new Random(seed);
    const shape = someShape(random);
    const dim = random.integer(0, shape.length - 1);
    const indexShape = shape.map((size, at) => (at === dim ? random.size() : random.integer(1, size)));
    await expectSame({
      ...exactly,
      inputs: { x: random.floats(shape), index: random.integers(indexShape, 0, shape[dim]! - 1) },
      fusor: ({ x, index }) => ops.gather(x, dim, index),
      onnx: (builder) => {
        builder.addNode('GatherElements', ['x', 'index'], ['y'], { axis: { int: dim } });
        return 'y';
      },
    });
  });

  it.each([
    ['i64', 7],
    ['i32', 6],
    ['u8', 2],
  ] as const)('convert to %s equals Cast', async (dtype, to) => {
    await expectSame({
      ...exactly,
      inputs: { x: new Random(1).floats([5, 13], 0, 200) },
      fusor: ({ x }) => ops.convert(x, dtype),
      onnx: (builder) => {
        builder.addNode('Cast', ['x'], ['y'], { to: { int: to } });
        return 'y';
      },
    });
  });
});
