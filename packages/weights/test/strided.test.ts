// Views of every kind against the definition: element [i, j, ...] is storage[offset + i * s0 + j * s1 + ...].
import { readStateDict } from '@fusor/weights';
import { describe, expect, it } from 'vitest';
import { dict, pickle, storage, tensor } from './support/pickle.ts';
import { torchZip } from './support/zip.ts';

const TYPES = {
  ByteStorage: Uint8Array,
  ShortStorage: Int16Array,
  FloatStorage: Float32Array,
  DoubleStorage: Float64Array,
} as const;
type StorageType = keyof typeof TYPES;

interface View {
  readonly type: StorageType;
  readonly elements: number;
  readonly offset: number;
  readonly size: readonly number[];
  readonly stride: readonly number[];
}

/** A cheap generator, so that failures repeat. */
function* random(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

function values({ type, elements }: View): InstanceType<(typeof TYPES)[StorageType]> {
  const data = new TYPES[type](elements);
  for (let i = 0; i < elements; i++) data[i] = (i * 2_654_435_761) % 32_749;
  return data;
}

function gathered(view: View): number[] {
  const data = values(view);
  let positions = [view.offset];
  for (const [axis, size] of view.size.entries()) {
    positions = positions.flatMap((at) =>
      Array.from({ length: size }, (_, i) => at + i * view.stride[axis]!),
    );
  }
  return positions.map((at) => data[at]!);
}

async function read(view: View): Promise<number[]> {
  const on = storage(view.type, '0', view.elements);
  const code = pickle(dict({ x: tensor({ storage: on, ...view }) }));
  const data = new Uint8Array(values(view).buffer);
  const x = (await readStateDict(torchZip(code, { 0: data }), { maxBytes: 2 ** 30 })).get('x')!;
  expect(x.shape).toEqual(view.size);
  return [...(x.data as Float64Array)];
}

function storageFor(
  type: StorageType,
  size: readonly number[],
  stride: readonly number[],
  offset: number,
): View {
  const reach = size.reduce((last, n, axis) => last + (n - 1) * stride[axis]!, offset) + 1;
  return { type, elements: reach + 3, offset, size, stride };
}

describe('strided views become contiguous', () => {
  it('400 random views with up to five dimensions, zero strides and overlaps', async () => {
    const next = random(7);
    const pick = (limit: number): number => Math.floor(next.next().value * limit);
    for (let round = 0; round < 400; round++) {
      const size = Array.from({ length: pick(6) }, () => 1 + pick(5));
      const stride = size.map(() => pick(9));
      const type = (Object.keys(TYPES) as StorageType[])[round % 4]!;
      const view = storageFor(type, size, stride, pick(7));
      expect({ view, data: await read(view) }).toEqual({ view, data: gathered(view) });
    }
  });

  const large: [string, View][] = [
    ['a transposed matrix of many slices', storageFor('FloatStorage', [719, 613], [1, 719], 5)],
    ['a transposed matrix of doubles', storageFor('DoubleStorage', [509, 257], [1, 509], 0)],
    ['a transposed matrix of bytes', storageFor('ByteStorage', [1031, 1021], [1, 1031], 1)],
    ['every 1000th element, many slices apart', storageFor('ShortStorage', [2003], [1000], 17)],
    ['rows further apart than a slice', storageFor('ByteStorage', [3, 5], [1_100_000, 2], 0)],
    ['columns further apart than a slice', storageFor('ByteStorage', [5, 3], [2, 1_100_000], 0)],
    ['one element 600,000 times', storageFor('FloatStorage', [600_000], [0], 2)],
    ['one row 500 times', storageFor('FloatStorage', [500, 1031], [0, 1], 2)],
    ['each element 500 times', storageFor('FloatStorage', [1031, 500], [1, 0], 2)],
    ['windows of 300 over 2000', storageFor('ShortStorage', [1701, 300], [1, 1], 0)],
    [
      'overlaps that make slices of one element each',
      storageFor(
        'ByteStorage',
        Array.from({ length: 12 }, () => 2),
        new Array<number>(12).fill(1_100_000),
        0,
      ),
    ],
  ];
  it.each(large)(
    '%s',
    async (_, view) => {
      const data = await read(view);
      const expected = gathered(view);
      expect(data.length).toBe(expected.length);
      // One comparison instead of a million: the first difference tells enough.
      expect(data.findIndex((value, i) => value !== expected[i])).toBe(-1);
    },
    300_000,
  );
});
