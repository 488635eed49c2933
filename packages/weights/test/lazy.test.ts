import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArgumentError, DisposedError, WeightsError } from '@fusor/errors';
import {
  openStateDict,
  type ReadOptions,
  readStateDict,
  type WeightsInput,
  writeSafetensors,
} from '@fusor/weights';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { largestAllocation } from './support/allocations.ts';
import { fixture } from './support/fixtures.ts';
import { dict, pickle, storage, tensor } from './support/pickle.ts';
import { torchZip } from './support/zip.ts';

let folder: string;
let big: string;
const ELEMENTS = 6_000_000;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fusor-weights-'));
  big = join(folder, 'big.safetensors');
  const data = new Float32Array(ELEMENTS).fill(1.5);
  const small = Float32Array.of(1, 2, 3);
  await writeSafetensors(big, {
    big: { dtype: 'f32', shape: [ELEMENTS], data },
    small: { dtype: 'f32', shape: [3], data: small },
  });
});
afterAll(() => rm(folder, { recursive: true }));

describe('openStateDict', () => {
  it('takes no memory for elements until they are asked for, and then for one tensor only', async () => {
    const opening = await largestAllocation(async () => {
      await using lazy = await openStateDict(big);
      expect([...lazy.tensors.keys()]).toEqual(['big', 'small']);
      await lazy.read('small');
    });
    expect(opening).toBeLessThan(1 << 17);
    expect(await largestAllocation(() => readStateDict(big))).toBe(4 * ELEMENTS);
  });

  it('copies a transposed tensor without holding its storage', async () => {
    const side = 2048;
    const on = storage('FloatStorage', '0', side * side);
    const code = pickle(dict({ x: tensor({ storage: on, size: [side, side / 2], stride: [1, side] }) }));
    const file = join(folder, 'transposed.pth');
    await writeFile(file, torchZip(code, { 0: new Uint8Array(4 * side * side) }));
    await using lazy = await openStateDict(file);
    const destination = new Uint8Array(2 * side * side);
    expect(await largestAllocation(() => lazy.readInto('x', destination))).toBeLessThanOrEqual(1 << 20);
  });

  it('lets the event loop turn while it copies from memory', async () => {
    const side = 3000;
    const on = storage('FloatStorage', '0', side * side);
    const code = pickle(dict({ x: tensor({ storage: on, size: [side, side], stride: [1, side] }) }));
    const bytes = torchZip(code, { 0: new Uint8Array(4 * side * side) });
    let turns = 0;
    let running = true;
    const tick = (): void => {
      turns++;
      if (running) setImmediate(tick);
    };
    setImmediate(tick);
    await readStateDict(bytes);
    running = false;
    expect(turns).toBeGreaterThan(3);
  });

  it('refuses a destination of another size, and a name that is not there', async () => {
    await using lazy = await openStateDict(big);
    await expect(lazy.readInto('small', new Uint8Array(11))).rejects.toThrow(
      'readInto: "small" takes a Uint8Array of 12 bytes, but received 11 bytes',
    );
    await expect(lazy.readInto('small', new Uint8Array(13))).rejects.toBeInstanceOf(ArgumentError);
    const floats = new Float32Array(3) as unknown as Uint8Array;
    await expect(lazy.readInto('small', floats)).rejects.toBeInstanceOf(ArgumentError);
    await expect(lazy.read('smal')).rejects.toThrow('big.safetensors: there is no tensor "smal"');
    await expect(lazy.read('__proto__')).rejects.toBeInstanceOf(WeightsError);
  });

  it('ends with a DisposedError after close, which may be called twice and while reads are under way', async () => {
    for (const input of [big, torchZip(pickle(dict({})))]) {
      const lazy = await openStateDict(input);
      const underWay = lazy.read('big').catch((reason: unknown) => reason);
      await lazy.close();
      await lazy.close();
      await underWay;
      if (input === big) {
        await expect(lazy.read('small')).rejects.toBeInstanceOf(DisposedError);
        expect(await underWay).toBeInstanceOf(DisposedError);
      }
    }
    const lazy = await openStateDict(fixture('torch-1.13-small.zip.pth'));
    await lazy.close();
    await expect(lazy.read('empty')).rejects.toBeInstanceOf(DisposedError);
    await expect(lazy.read('permuted')).rejects.toBeInstanceOf(DisposedError);
  });

  it('says so when the file becomes shorter while it is open', async () => {
    const file = join(folder, 'shrinking.safetensors');
    const data = new Float32Array(100_000);
    await writeSafetensors(file, { x: { dtype: 'f32', shape: [100_000], data } });
    await using lazy = await openStateDict(file);
    await truncate(file, 1000);
    await expect(lazy.read('x')).rejects.toThrow(
      /shrinking\.safetensors: tensor "x": became shorter while it was read/,
    );
  });
});

describe('what cannot be opened', () => {
  it('is named', async () => {
    const error = await readStateDict(join(folder, 'absent.pth')).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WeightsError);
    expect((error as Error).message).toMatch(/cannot open .*absent\.pth: ENOENT/);
    expect((error as Error).cause).toMatchObject({ code: 'ENOENT' });
    await expect(readStateDict(folder)).rejects.toThrow(/cannot open .*: it is not a regular file/);
  });

  it('does not hang on a pipe', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(readStateDict(pipe)).rejects.toThrow(/not a regular file/);
  });

  const inputs: [string, unknown][] = [
    ['a number', 5],
    ['null', null],
    ['an empty path', ''],
    ['a path with a NUL', 'a\0b'],
    ['a URL of the web', new URL('https://example.org/resnet50.pth')],
    ['an array', [1, 2]],
    ['floats', Float32Array.of(1)],
  ];
  it.each(inputs)('is an ArgumentError for %s', async (_, input) => {
    await expect(readStateDict(input as WeightsInput)).rejects.toBeInstanceOf(ArgumentError);
    await expect(openStateDict(input as WeightsInput)).rejects.toBeInstanceOf(ArgumentError);
  });

  const options: [string, unknown][] = [
    ['unwrap', { unwrap: 3 }],
    ['stripPrefix', { stripPrefix: true }],
    ['maxBytes', { maxBytes: -1 }],
    ['maxBytes', { maxBytes: Number.NaN }],
    ['maxBytes', { maxBytes: '5' }],
  ];
  it.each(options)('is an ArgumentError for a wrong %s', async (name, value) => {
    await expect(readStateDict(big, value as ReadOptions)).rejects.toThrow(`weights: ${name}`);
  });

  const others: [string, string, RegExp][] = [
    ['nothing', '', /it is empty/],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\n', /Git LFS pointer/],
    ['HDF5', '\x89HDF\r\n\x1a\n', /HDF5/],
    ['a web page', '<!DOCTYPE html>', /HTML/],
    ['gzip', '\x1f\x8b\x08', /gzip/],
    ['text', 'hello, world', /neither safetensors nor PyTorch$/],
    ['a pickle that is not PyTorch’s', '\x80\x04]\x94.', /magic number is missing/],
    ['a JPEG', '\xff\xd8\xff\xe0\x00\x10JFIF', /neither safetensors nor PyTorch$/],
  ];
  it.each(others)('says what it looks like: %s', async (_, content, message) => {
    const error = await readStateDict(Buffer.from(content, 'latin1')).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WeightsError);
    expect((error as Error).message).toMatch(message);
  });
});
