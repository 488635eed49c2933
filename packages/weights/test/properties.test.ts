// Generated files: those that are in order are read as they are, all others end with a WeightsError, and none takes more
// memory or time than its size allows. FUSOR_FUZZ_RUNS=10000 FUSOR_FUZZ_SEED=2 tries many more, and others.

import { mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WeightsError } from '@fusor/errors';
import { openStateDict, readStateDict, type TensorRecord, writeSafetensors } from '@fusor/weights';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allDTypes, traitsOf } from '../src/dtypes.ts';
import { largestAllocation } from './support/allocations.ts';
import { type Code, global, op, pickle, uint } from './support/pickle.ts';
import { readsIntoOrRefuses, readsOrRefuses } from './support/refusal.ts';
import { torchZip, type ZipFile, zip } from './support/zip.ts';

const numRuns = Number(process.env.FUSOR_FUZZ_RUNS ?? 300);
const seed = process.env.FUSOR_FUZZ_SEED === undefined ? 1 : Number(process.env.FUSOR_FUZZ_SEED);
const parameters = { numRuns, seed };
const LIMIT = 60_000 + numRuns * 200;
// No input here is larger than some kilobytes: a second of the processor is a thousand times what it takes. How long the
// machine did other things is not the reader's doing.
const MOST_SECONDS = 5;

const name = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('__proto__', 'constructor', 'module.x', 'state_dict', '', '\u0000', '"\\', 'conv1.weight'),
);
const shape = fc.array(
  fc.oneof({ weight: 9, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.constant(0) }),
  {
    maxLength: 5,
  },
);
const dtype = fc.constantFrom(...allDTypes.map(({ dtype }) => dtype));

/** Holds what every input must hold: an end, soon, without much memory. */
async function bounded<Result>(size: number, work: () => Promise<Result>): Promise<Result> {
  const before = process.cpuUsage();
  let result: Result;
  const largest = await largestAllocation(async () => {
    result = await work();
  });
  expect(largest).toBeLessThanOrEqual(2 * size + (1 << 20));
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(MOST_SECONDS);
  return result!;
}

describe('safetensors', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-properties-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const record: fc.Arbitrary<TensorRecord> = fc.record({ dtype, shape }).chain(({ dtype, shape }) => {
    const traits = traitsOf(dtype)!;
    const length = shape.reduce((product, size) => product * size, traits.bytes);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({
      dtype,
      shape,
      data: new traits.array(new Uint8Array(bytes).buffer),
    }));
  });

  it(
    'what is written is read again, whatever the names, dtypes, shapes and bytes',
    async () => {
      const path = join(folder, 'roundtrip.safetensors');
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.tuple(name, record), { selector: ([key]) => key, maxLength: 8 }),
          async (items) => {
            fc.pre(items.every(([key]) => key !== '__metadata__'));
            const written = new Map(items);
            await writeSafetensors(path, written);
            const read = await readStateDict(path, { unwrap: false, stripPrefix: false });
            expect(new Set(read.keys())).toEqual(new Set(written.keys()));
            for (const [key, { dtype, shape, data }] of written) {
              const found = read.get(key)!;
              expect(found.dtype).toBe(dtype);
              expect(found.shape).toEqual(shape);
              expect(
                Buffer.compare(
                  Buffer.from(found.data.buffer, found.data.byteOffset, found.data.byteLength),
                  Buffer.from(data.buffer),
                ),
              ).toBe(0);
            }
          },
        ),
        { ...parameters, numRuns: Math.ceil(numRuns / 3) },
      );
    },
    LIMIT,
  );

  interface Entry {
    readonly key: string;
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly begin: number;
    readonly end: number;
  }

  /** Entries that lie one after the other, some of which are then changed. */
  const entries: fc.Arbitrary<Entry[]> = fc
    .array(fc.record({ key: name, dtype, shape }), { maxLength: 5 })
    .map((tensors) => {
      let at = 0;
      return tensors.map(({ key, dtype, shape }) => {
        const begin = at;
        at += shape.reduce((product, size) => product * size, traitsOf(dtype)!.bytes);
        return { key, dtype: traitsOf(dtype)!.safetensors, shape, begin, end: at };
      });
    });
  const number = fc.oneof(fc.nat(40), fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, 1e300));
  const change: fc.Arbitrary<Partial<Entry>> = fc.oneof(
    fc.constant({}),
    fc.record({ dtype: fc.constantFrom('F32', 'U8', 'C64', 'f32', 'F4', '') }),
    fc.record({ shape: fc.array(number, { maxLength: 3 }) }),
    fc.record({ begin: number }),
    fc.record({ end: number }),
    fc.record({ key: name }),
  );

  /** What the format's text says of a header, without a look at the reader. */
  function inOrder(list: readonly Entry[], dataBytes: number): boolean {
    const natural = (value: number) => Number.isSafeInteger(value) && value >= 0;
    if (new Set(list.map(({ key }) => key)).size !== list.length) return false;
    let covered = 0;
    for (const entry of [...list].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
      const traits = allDTypes.find(({ safetensors }) => safetensors === entry.dtype);
      if (traits === undefined || entry.key === '__metadata__') return false;
      if (![...entry.shape, entry.begin, entry.end].every(natural)) return false;
      const bytes = entry.shape.reduce((product, size) => product * size, traits.bytes);
      if (entry.begin !== covered || entry.end - entry.begin !== bytes) return false;
      covered = entry.end;
    }
    return covered === dataBytes;
  }

  it(
    'a header that is in order is read exactly, any other is refused',
    async () => {
      const outcomes = { read: 0, refused: 0 };
      await fc.assert(
        fc.asyncProperty(
          entries,
          fc.array(fc.tuple(fc.nat(4), change), { maxLength: 2 }),
          fc.constantFrom(0, 0, 0, 1, -1),
          async (list, changes, extra) => {
            const total = list.at(-1)?.end ?? 0;
            const spoiled = [...list];
            for (const [at, changed] of changes)
              if (spoiled[at] !== undefined) spoiled[at] = { ...spoiled[at], ...changed };
            const text = spoiled.map(
              ({ key, dtype, shape, begin, end }) =>
                `${JSON.stringify(key)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`,
            );
            const header = new TextEncoder().encode(`{${text.join(',')}}`);
            const dataBytes = Math.max(0, total + extra);
            const bytes = new Uint8Array(8 + header.length + dataBytes);
            new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
            bytes.set(header, 8);
            for (let i = 0; i < dataBytes; ++i) bytes[8 + header.length + i] = (i * 37) % 251;
            const expected = inOrder(spoiled, dataBytes);
            await bounded(bytes.length, async () => {
              try {
                const dict = await readStateDict(bytes, { unwrap: false, stripPrefix: false });
                expect(expected).toBe(true);
                for (const { key, shape, begin, end } of spoiled) {
                  const { data, shape: found } = dict.get(key)!;
                  expect(found).toEqual(shape);
                  const start = 8 + header.length;
                  expect(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).toEqual(
                    bytes.subarray(start + begin, start + end),
                  );
                }
                ++outcomes.read;
              } catch (error) {
                if (!(error instanceof WeightsError)) throw error;
                expect(expected).toBe(false);
                ++outcomes.refused;
              }
            });
          },
        ),
        { ...parameters, numRuns: numRuns * 3 },
      );
      expect(outcomes.read).toBeGreaterThan(numRuns / 4);
      expect(outcomes.refused).toBeGreaterThan(numRuns / 4);
    },
    LIMIT,
  );

  it(
    'a header of any JSON is read or refused',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.json({ maxDepth: 4 }), fc.nat(64), async (json, dataBytes) => {
          const header = new TextEncoder().encode(json);
          const bytes = new Uint8Array(8 + header.length + dataBytes);
          new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
          bytes.set(header, 8);
          await bounded(bytes.length, () => readsOrRefuses(bytes));
        }),
        parameters,
      );
    },
    LIMIT,
  );

  it(
    'a file that is cut or replaced at any moment of its reading ends with a WeightsError or is read',
    async () => {
      const path = join(folder, 'cut.safetensors');
      const data = new Float32Array(4 << 20).map((_, index) => index % 1000);
      const outcomes = { read: 0, refused: 0 };
      for (let round = 0; round < 12; ++round) {
        await writeSafetensors(path, { x: { dtype: 'f32', shape: [data.length], data } });
        await using lazy = await openStateDict(path);
        const reading = lazy.read('x').then(
          () => 'read' as const,
          (error: unknown) => {
            if (!(error instanceof WeightsError)) throw error;
            return 'refused' as const;
          },
        );
        for (let turn = 0; turn < round % 4; ++turn) await new Promise((resolve) => setImmediate(resolve));
        await (round % 2 === 0
          ? truncate(path, (round * 1_000_003) % (data.byteLength + 80))
          : writeFile(path, 'no more'));
        ++outcomes[await reading];
      }
      expect(outcomes.refused).toBeGreaterThan(0);
    },
    LIMIT,
  );
});

describe('pickle', () => {
  const integer = fc.oneof(fc.nat(20), fc.constantFrom(255, 65_535, 2 ** 31 - 1, 2 ** 32 - 1));
  const text = fc.string({ maxLength: 6 }).map((value) => {
    const encoded = [...new TextEncoder().encode(value)];
    return [0x58, ...uint(encoded.length, 4), ...encoded];
  });
  const names = fc.constantFrom(
    ...[
      ['torch', 'FloatStorage'],
      ['torch._utils', '_rebuild_tensor_v2'],
      ['torch._utils', '_rebuild_parameter'],
      ['collections', 'OrderedDict'],
      ['os', 'system'],
      ['builtins', 'eval'],
      ['torch', 'Size'],
    ].map(([module, key]) => global(module!, key!)),
  );
  // Any operation, with arguments that are mostly its own, some of them in endless repetition.
  const operation: fc.Arbitrary<Code> = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...(Object.values(op) as Code[])) },
    { weight: 3, arbitrary: fc.nat(255).map((value) => [0x4b, value]) },
    { weight: 2, arbitrary: text },
    { weight: 2, arbitrary: names },
    { weight: 1, arbitrary: integer.map((value) => [0x4a, ...uint(value, 4)]) },
    { weight: 1, arbitrary: integer.map((index) => [0x72, ...uint(index, 4)]) },
    { weight: 1, arbitrary: integer.map((index) => [0x6a, ...uint(index, 4)]) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.nat(255), fc.array(fc.nat(255), { maxLength: 9 }))
        .map(([length, rest]) => [0x8a, length, ...rest]),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(0x8b, 0x8d, 0x8e, 0x42, 0x54, 0x95), integer)
        .map(([code, length]) => [code, ...uint(length, 4), ...uint(0, 4)]),
    },
    { weight: 1, arbitrary: fc.nat(255).map((value) => [value]) },
  );
  const program = fc.array(operation, { maxLength: 60 });

  it(
    'any program of operations, in an archive or as a stream, is read or refused',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          program,
          fc.uint8Array({ maxLength: 64 }),
          fc.boolean(),
          async (code, data, inArchive) => {
            const bytes = inArchive
              ? torchZip(pickle(...code), { 0: data })
              : new Uint8Array(Buffer.concat([pickle(...code), data]));
            await bounded(bytes.length, () => readsOrRefuses(bytes));
            await bounded(bytes.length, () => readsIntoOrRefuses(bytes));
          },
        ),
        { ...parameters, numRuns: numRuns * 3 },
      );
    },
    LIMIT,
  );

  it(
    'containers that are nested, doubled or hold themselves take no more than their size',
    async () => {
      const builder = fc.constantFrom<Code>(
        [...op.mark, ...op.dup, ...op.dup, ...op.tuple],
        [...op.dup, ...op.dup, ...op.tuple2],
        [...op.dup, ...op.append],
        [...op.emptyDict, ...op.dup, ...op.dup, ...op.setItem],
        [...op.memoize, 0x68, 0, ...op.append],
        [...op.tuple1],
        [...op.emptyList, ...op.append],
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(builder, { maxLength: 30 }),
          fc.integer({ min: 1, max: 200 }),
          async (parts, times) => {
            const code = Array.from({ length: times }, () => parts).flat();
            const bytes = torchZip(pickle(op.emptyList, ...code));
            await bounded(bytes.length, () => readsOrRefuses(bytes));
          },
        ),
        { ...parameters, numRuns: Math.ceil(numRuns / 2) },
      );
    },
    LIMIT,
  );
});

describe('zip', () => {
  const size = fc.oneof(fc.nat(200), fc.constantFrom(0xffffffff, 2 ** 31, 2 ** 40, 2 ** 53 - 1));
  const file: fc.Arbitrary<ZipFile> = fc.record(
    {
      name: fc.oneof(
        fc.constantFrom('a/data.pkl', 'a/data/0', 'a/version', 'a/byteorder', '../data.pkl', '/', ''),
        name,
      ),
      data: fc.uint8Array({ maxLength: 40 }),
      method: fc.constantFrom(0, 0, 0, 8, 99),
      flags: fc.constantFrom(0x800, 0x800, 0, 1, 8, 0x2040),
      size,
      packedSize: size,
      header: size,
      localName: name,
      localExtra: fc.nat(70_000).map((value) => value % 65_536),
      zip64: fc.boolean(),
    },
    { requiredKeys: ['name', 'data'] },
  );
  const options = fc.record(
    {
      zip64End: fc.boolean(),
      comment: fc.string({ maxLength: 40 }),
      entries: fc.oneof(fc.nat(9), fc.constantFrom(65_535, 2 ** 32, 2 ** 52)),
      directorySize: fc.oneof(fc.nat(400), fc.constantFrom(2 ** 32 - 1, 2 ** 52)),
      directoryPosition: fc.oneof(fc.nat(400), fc.constantFrom(2 ** 32 - 1, 2 ** 52)),
      disk: fc.nat(2),
    },
    { requiredKeys: [] },
  );

  it(
    'any archive, with anything claimed of its entries, is read or refused',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(file, { maxLength: 5 }),
          options,
          fc.nat(30),
          async (files, claims, cut) => {
            const whole = zip(files, claims);
            const bytes = cut < 20 ? whole : whole.subarray(0, whole.length - cut + 19);
            await bounded(bytes.length, () => readsOrRefuses(bytes));
            await bounded(bytes.length, () => readsIntoOrRefuses(bytes));
          },
        ),
        { ...parameters, numRuns: numRuns * 2 },
      );
    },
    LIMIT,
  );
});

describe('files', () => {
  it('that are no files, or vanish, are refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fusor-properties-'));
    try {
      await expect(readStateDict(folder)).rejects.toBeInstanceOf(WeightsError);
      await expect(readStateDict('/dev/zero')).rejects.toBeInstanceOf(WeightsError);
      await expect(readStateDict(join(folder, 'none'))).rejects.toBeInstanceOf(WeightsError);
      await expect(writeSafetensors(join(folder, 'none', 'x.safetensors'), {})).rejects.toBeInstanceOf(
        WeightsError,
      );
      const path = join(folder, 'empty.safetensors');
      await (await open(path, 'w')).close();
      await expect(readStateDict(path)).rejects.toBeInstanceOf(WeightsError);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
