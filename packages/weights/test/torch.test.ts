import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { WeightsError } from '@fusor/errors';
import { openStateDict, readStateDict } from '@fusor/weights';
import { describe, expect, it } from 'vitest';
import { bytesOf, expectedIn, expectSame, fixture, hexOf } from './support/fixtures.ts';

describe('golden files of torch.save read back byte for byte', () => {
  const goldens = [
    ['torch-1.13-small.zip.pth', 'small.json', 'torch-zip'],
    ['torch-1.13-small.stream.pth', 'small.json', 'torch-legacy'],
    ['torch-2.13-small.zip.pth', 'small.json', 'torch-zip'],
    ['torch-2.13-dtypes.zip.pth', 'dtypes.json', 'torch-zip'],
    ['torch-2.13-dtypes.stream.pth', 'dtypes.json', 'torch-legacy'],
    ['torch-1.13-checkpoint.zip.pth', 'checkpoint.json', 'torch-zip'],
    ['torch-1.13-checkpoint.stream.pth', 'checkpoint.json', 'torch-legacy'],
  ] as const;

  it.each(goldens)('%s, from a path, a URL, bytes and an ArrayBuffer', async (name, json, format) => {
    const expected = await expectedIn(fixture(json));
    const bytes = await bytesOf(name);
    expectSame(await readStateDict(fixture(name)), expected);
    expectSame(await readStateDict(fileURLToPath(fixture(name))), expected);
    expectSame(await readStateDict(bytes), expected);
    expectSame(await readStateDict(await readFile(fixture(name))), expected);
    expectSame(await readStateDict(bytes.buffer as ArrayBuffer), expected);
    await using lazy = await openStateDict(bytes);
    expect(lazy.format).toBe(format);
  });

  it.each(goldens)('%s, tensor by tensor into memory that is not aligned', async (name, json) => {
    const expected = await expectedIn(fixture(json));
    await using lazy = await openStateDict(fixture(name));
    for (const [tensor, { dtype, shape, hex }] of expected) {
      expect(lazy.tensors.get(tensor)).toEqual({ dtype, shape, byteLength: hex.length / 2 });
      for (const misaligned of [0, 1, 2]) {
        const memory = new Uint8Array(misaligned + hex.length / 2 + 3).fill(0xee);
        await lazy.readInto(tensor, memory.subarray(misaligned, misaligned + hex.length / 2));
        expect(Buffer.from(memory).toString('hex')).toBe(`${'ee'.repeat(misaligned)}${hex}eeeeee`);
      }
    }
  });
});

describe('typed arrays', () => {
  it('are those of the dtype', async () => {
    const dict = await readStateDict(fixture('torch-2.13-dtypes.zip.pth'));
    const kinds = Object.fromEntries([...dict].map(([name, { data }]) => [name, data.constructor.name]));
    expect(kinds).toMatchObject({
      f64: 'Float64Array',
      f32: 'Float32Array',
      f16: 'Uint16Array',
      bf16: 'Uint16Array',
      i64: 'BigInt64Array',
      i32: 'Int32Array',
      i16: 'Int16Array',
      i8: 'Int8Array',
      u8: 'Uint8Array',
      bool: 'Uint8Array',
      u64: 'BigUint64Array',
      u32: 'Uint32Array',
      u16: 'Uint16Array',
      f8_e4m3: 'Uint8Array',
      f8_e5m2: 'Uint8Array',
    });
  });

  it('own all of their buffer, so that it can be transferred', async () => {
    for (const { data } of (await readStateDict(fixture('torch-1.13-small.zip.pth'))).values()) {
      expect([data.byteOffset, data.byteLength]).toEqual([0, data.buffer.byteLength]);
    }
  });

  it('are shared by names that are the same view of one storage, and by no others', async () => {
    const dict = await readStateDict(fixture('torch-1.13-small.stream.pth'));
    expect(dict.get('tied_a')!.data).toBe(dict.get('tied_b')!.data);
    const distinct = new Set([...dict.values()].map(({ data }) => data.buffer));
    expect(distinct.size).toBe(dict.size - 1);
  });
});

describe('a checkpoint with its state dict among other things', () => {
  const name = 'torch-1.13-checkpoint.zip.pth';

  it('gives the state dict under `state_dict`, without `module.`', async () => {
    const dict = await readStateDict(fixture(name));
    expect([...dict.keys()].slice(0, 3)).toEqual(['0.weight', '0.bias', '1.weight']);
  });

  it('keeps the prefix, or strips another, when told', async () => {
    const kept = await readStateDict(fixture(name), { stripPrefix: false });
    expect([...kept.keys()][0]).toBe('module.0.weight');
    const other = await readStateDict(fixture(name), { stripPrefix: 'module.0.' });
    expect([...other.keys()][0]).toBe('module.0.weight');
    const mo = await readStateDict(fixture(name), { stripPrefix: 'mo' });
    expect([...mo.keys()][0]).toBe('dule.0.weight');
  });

  it('gives the outermost dict with unwrap: false', async () => {
    const dict = await readStateDict(fixture(name), { unwrap: false });
    expect([...dict.keys()]).toEqual(['best_acc1']);
    expect([...(dict.get('best_acc1')!.data as Float32Array)]).toEqual([76.5]);
  });

  it('gives the dict under a key that is named, or tells the keys that there are', async () => {
    const dict = await readStateDict(fixture(name), { unwrap: 'state_dict' });
    expect(dict.size).toBe(7);
    await expect(readStateDict(fixture(name), { unwrap: 'ema' })).rejects.toThrow(
      /nothing lies under "ema".*"epoch" \(int\).*and 1 more; unwrap: "state_dict" would take that dict/,
    );
    await expect(readStateDict(fixture(name), { unwrap: 'epoch' })).rejects.toThrow(
      /under "epoch" lies int, not a dict/,
    );
  });

  it('says which keys there are when no tensors are found', async () => {
    const error = await readStateDict(fixture(name), { unwrap: 'optimizer' }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WeightsError);
    expect((error as WeightsError).code).toBe('ERR_FUSOR_WEIGHTS');
    expect((error as WeightsError).message).toBe(
      `${name}: no tensors in the dict of the checkpoint; its keys are "state" (dict of 4), "param_groups" (list of 1)`,
    );
  });
});

it('two reads of one file at the same time do not disturb each other', async () => {
  const expected = await expectedIn(fixture('small.json'));
  await using lazy = await openStateDict(fixture('torch-1.13-small.zip.pth'));
  await Promise.all(
    [...expected, ...expected].map(async ([name, { hex }]) => {
      expect(hexOf(await lazy.read(name))).toBe(hex);
    }),
  );
});
