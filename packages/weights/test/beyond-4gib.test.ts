// Positions that do not fit 32 bits, in sparse files that take no room on the disk.
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStateDict } from '@fusor/weights';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dict, pickle, storage, tensor } from './support/pickle.ts';
import { sparseZip } from './support/zip.ts';

const FIVE_GIB = 5 * 2 ** 30;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fusor-weights-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Writes parts at positions, holes between them. */
async function sparse(name: string, parts: readonly (readonly [number, Uint8Array])[]): Promise<string> {
  const path = join(folder, name);
  const handle = await open(path, 'w');
  for (const [position, bytes] of parts) await handle.write(bytes, 0, bytes.length, position);
  await handle.close();
  return path;
}

it('safetensors: a tensor behind five GiB of another is read, the other never', async () => {
  const header = JSON.stringify({
    huge: { dtype: 'U8', shape: [5, 2 ** 30], data_offsets: [0, FIVE_GIB] },
    last: { dtype: 'F32', shape: [2], data_offsets: [FIVE_GIB, FIVE_GIB + 8] },
  });
  const length = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer);
  const path = await sparse('huge.safetensors', [
    [0, length],
    [8, new TextEncoder().encode(header)],
    [8 + header.length + FIVE_GIB, new Uint8Array(Float32Array.of(1.5, -2).buffer)],
  ]);
  const lazy = await openStateDict(path);
  expect(lazy.tensors.get('huge')).toEqual({ dtype: 'u8', shape: [5, 2 ** 30], byteLength: FIVE_GIB });
  expect((await lazy.read('last')).data).toEqual(Float32Array.of(1.5, -2));
  await lazy.close();
});

it('zip64: the last elements of a storage of five GiB, strided, and a storage behind it', async () => {
  const elements = FIVE_GIB / 4;
  const huge = storage('FloatStorage', '0', elements);
  const behind = storage('FloatStorage', '1', 2);
  const code = pickle(
    dict({
      end: tensor({ storage: huge, offset: elements - 5, size: [3], stride: [2] }),
      tail: tensor({ storage: huge, offset: elements - 2, size: [2], stride: [1] }),
      behind: tensor({ storage: behind, size: [2], stride: [1] }),
    }),
  );
  const parts = sparseZip(
    [
      { name: 'm/data.pkl', data: code },
      { name: 'm/data/0', data: new Uint8Array(0), hole: FIVE_GIB, zip64: true },
      { name: 'm/data/1', data: new Uint8Array(Float32Array.of(7, 8).buffer), zip64: true },
    ],
    { zip64End: true },
  );
  const next = parts.find(([position]) => position > FIVE_GIB)![0];
  const path = await sparse('huge.pth', [
    ...parts,
    [next - 20, new Uint8Array(Float32Array.of(1, 2, 3, 4, 5).buffer)],
  ]);
  const lazy = await openStateDict(path);
  expect((await lazy.read('end')).data).toEqual(Float32Array.of(1, 3, 5));
  expect((await lazy.read('tail')).data).toEqual(Float32Array.of(4, 5));
  expect((await lazy.read('behind')).data).toEqual(Float32Array.of(7, 8));
  await lazy.close();
});
