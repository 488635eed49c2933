import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ArgumentError, WeightsError } from '@fusor/errors';
import { openStateDict, readStateDict, type TensorRecord, writeSafetensors } from '@fusor/weights';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, type Expected, expectedIn, fixture, hexOf } from './support/fixtures.ts';

const golden = 'safetensors-0.8-dtypes.safetensors';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fusor-weights-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('the file of the reference implementation (safetensors 0.8)', () => {
  it('reads back every dtype, a scalar, an empty tensor and a name with escapes', async () => {
    const expected = new Map<string, Expected>(await expectedIn(fixture('dtypes.json')));
    expected.set('scalar', { dtype: 'f32', shape: [], hex: '00002040' });
    expected.set('empty', { dtype: 'f64', shape: [3, 0], hex: '' });
    expected.set('naïve ✓ "quoted" 😀', { dtype: 'i16', shape: [3], hex: '000001000200' });
    const dict = await readStateDict(fixture(golden));
    expect(new Set(dict.keys())).toEqual(new Set(expected.keys()));
    for (const [name, { dtype, shape, hex }] of expected) {
      const record = dict.get(name)!;
      expect({ dtype: record.dtype, shape: record.shape, hex: hexOf(record) }).toEqual({ dtype, shape, hex });
    }
  });

  it('tells its metadata', async () => {
    await using lazy = await openStateDict(fixture(golden));
    expect(lazy.format).toBe('safetensors');
    expect([...lazy.metadata]).toEqual([['format', 'pt']]);
  });

  it('is written byte for byte the same, whatever the order of the tensors given', async () => {
    const dict = await readStateDict(fixture(golden));
    const path = join(folder, 'same.safetensors');
    for (const entries of [[...dict], [...dict].reverse()]) {
      await writeSafetensors(path, new Map(entries), { metadata: { format: 'pt' } });
      expect(Buffer.compare(await readFile(path), Buffer.from(await bytesOf(golden)))).toBe(0);
    }
  });
});

describe('writeSafetensors', () => {
  const ones: TensorRecord = { dtype: 'f32', shape: [2], data: Float32Array.of(1, -0) };

  it('writes what is read back: every dtype, to a path and to a URL, from a Map and from a record', async () => {
    const dict = await readStateDict(fixture('torch-2.13-dtypes.zip.pth'));
    const path = join(folder, 'round trip ü.safetensors');
    for (const [target, source] of [
      [path, dict],
      [pathToFileURL(path), Object.fromEntries(dict)],
    ] as const) {
      await writeSafetensors(target, source);
      const back = await readStateDict(path);
      expect(new Map([...back].sort())).toEqual(new Map([...dict].sort()));
      await rm(path);
    }
  });

  it('writes arrays that are parts of buffers, and more than one slice of them', async () => {
    const data = new Float32Array(3_000_001).map((_, i) => i).subarray(1);
    const path = join(folder, 'long.safetensors');
    await writeSafetensors(path, { long: { dtype: 'f32', shape: [3, 1_000_000], data } });
    const back = (await readStateDict(path)).get('long')!;
    expect(Buffer.compare(Buffer.from(back.data.buffer), Buffer.from(data.slice().buffer))).toBe(0);
  });

  it('writes an empty dict as the reference does', async () => {
    const path = join(folder, 'empty.safetensors');
    await writeSafetensors(path, new Map());
    expect(await readFile(path, 'latin1')).toBe('\x08\0\0\0\0\0\0\0{}      ');
    expect((await readStateDict(path)).size).toBe(0);
  });

  it('keeps names and metadata that look like properties of objects', async () => {
    const path = join(folder, 'names.safetensors');
    const dict = new Map([
      ['__proto__', ones],
      ['constructor', ones],
      ['', ones],
      ['\u0001\n"\\', ones],
    ]);
    await writeSafetensors(path, dict, { metadata: { a: '"\n', ['__proto__']: 'x' } });
    await using lazy = await openStateDict(path);
    expect(new Set(lazy.tensors.keys())).toEqual(new Set(dict.keys()));
    expect([...lazy.metadata]).toEqual([
      ['a', '"\n'],
      ['__proto__', 'x'],
    ]);
  });

  it('replaces a file only when the new one is complete, and leaves nothing beside it', async () => {
    const path = join(folder, 'kept.safetensors');
    await writeFile(path, 'precious');
    const shrinking = Float32Array.of(1, 2);
    await expect(
      writeSafetensors(path, { x: { dtype: 'f32', shape: [3], data: shrinking } }),
    ).rejects.toBeInstanceOf(ArgumentError);
    expect(await readFile(path, 'utf8')).toBe('precious');
    await expect(writeSafetensors(join(folder, 'no', 'such', 'folder'), { ones })).rejects.toBeInstanceOf(
      WeightsError,
    );
    // A folder in the way makes the rename fail after everything was written.
    await expect(writeSafetensors(folder, { ones })).rejects.toBeInstanceOf(WeightsError);
    await writeSafetensors(path, { ones });
    expect((await readStateDict(path)).get('ones')).toEqual(ones);
    for (const place of [folder, join(folder, '..')]) {
      expect((await readdir(place)).filter((name) => /^\.(kept|fusor-weights-).*\.tmp$/.test(name))).toEqual(
        [],
      );
    }
  });

  const wrong: [string, string, unknown, RegExp][] = [
    [
      'data of another dtype',
      'x',
      { ...ones, data: Float64Array.of(1, 2) },
      /f32 data must be a Float32Array/,
    ],
    ['too few elements', 'x', { ...ones, shape: [3] }, /shape \[3\] has 3 elements, but data has 2/],
    ['an unknown dtype', 'x', { ...ones, dtype: 'f33' }, /unknown dtype f33/],
    ['a property name for a dtype', 'x', { ...ones, dtype: 'constructor' }, /unknown dtype constructor/],
    ['a negative size', 'x', { ...ones, shape: [-2] }, /shape must be whole numbers/],
    ['a NaN size', 'x', { ...ones, shape: [Number.NaN] }, /shape must be whole numbers/],
    ['nothing', 'x', undefined, /unknown dtype undefined/],
    ['the reserved name', '__metadata__', ones, /reserved/],
    ['half a surrogate pair in the name', '\ud800', ones, /well-formed/],
  ];
  it.each(wrong)('refuses %s', async (_, name, record, message) => {
    const path = join(folder, 'wrong.safetensors');
    const error = await writeSafetensors(path, new Map([[name, record as TensorRecord]])).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ArgumentError);
    expect((error as Error).message).toMatch(message);
  });

  it('refuses metadata that is not text', async () => {
    const metadata = { epoch: 3 } as unknown as Record<string, string>;
    await expect(writeSafetensors(join(folder, 'm.safetensors'), { ones }, { metadata })).rejects.toThrow(
      /metadata "epoch"/,
    );
  });
});
