import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ArgumentError, WeightsError } from '@fusor/errors';
import { pathOf } from '../byte-source.ts';
import { alignmentRank, type DTypeTraits, traitsOf } from '../dtypes.ts';
import { quoted } from '../refuse.ts';
import type { TensorRecord } from '../types.ts';
import { MAX_HEADER_BYTES } from './read.ts';

/** Tensors by name. */
export type WritableStateDict = ReadonlyMap<string, TensorRecord> | Readonly<Record<string, TensorRecord>>;

export interface WriteOptions {
  /** Written as `__metadata__`; PyTorch's tools expect `{ format: 'pt' }`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

interface Item {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly traits: DTypeTraits;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

// One write at a time keeps one thread of libuv's pool busy; 4 MiB are some milliseconds of a disk's time.
const WRITE_SLICE = 4 << 20;

/**
 * Writes a safetensors file as the reference implementation does, byte for byte: wide dtypes first, then by name, the
 * header padded with spaces to a multiple of 8, so that every tensor lies aligned to its element size.
 *
 * The file appears under its name only when it is complete: it is written beside it and then renamed. Arrays must
 * not change before the promise settles.
 *
 * @param path a path or a `file:` URL
 * @param dict tensors by name, contiguous in row-major order
 * @throws {ArgumentError} when a tensor's data does not fit its dtype and shape, or a name cannot be written
 * @throws {WeightsError} when the file cannot be written
 */
export async function writeSafetensors(
  path: string | URL,
  dict: WritableStateDict,
  options: WriteOptions = {},
): Promise<void> {
  const target = pathOf(path);
  const items = itemsOf(dict);
  const header = headerOf(items, options.metadata);
  // Hidden, and unlike any other's, so that two writers of one path never share it.
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, 'wx');
    await writeAll(handle, header);
    for (const { bytes } of items) await writeAll(handle, bytes);
    await handle.sync();
    await handle.close();
    await rename(temporary, target);
  } catch (error) {
    // The first error is what the caller needs to know.
    await handle?.close().catch(() => undefined);
    if (handle !== undefined) await rm(temporary, { force: true }).catch(() => undefined);
    const reason = error instanceof Error ? error.message : String(error);
    throw new WeightsError(`cannot write ${target}: ${reason}`, { cause: error });
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(
      bytes,
      done,
      Math.min(WRITE_SLICE, bytes.length - done),
      null,
    );
    done += bytesWritten;
  }
}

function itemsOf(dict: WritableStateDict): Item[] {
  const entries = dict instanceof Map ? dict.entries() : Object.entries(dict);
  const items: Item[] = [];
  for (const [name, record] of entries) items.push(itemOf(name, record));
  // The reference sorts names by their UTF-8 bytes, which for rare characters is not the order of UTF-16 units.
  return items.sort(
    (a, b) => alignmentRank(b.traits) - alignmentRank(a.traits) || Buffer.compare(a.nameBytes, b.nameBytes),
  );
}

function itemOf(name: string, record: TensorRecord): Item {
  const what = `writeSafetensors: tensor ${quoted(String(name))}`;
  if (name === '__metadata__') throw new ArgumentError(`${what}: the name is reserved; use options.metadata`);
  if (typeof name !== 'string' || /\p{Surrogate}/u.test(name)) {
    throw new ArgumentError(`${what}: the name must be well-formed text`);
  }
  const traits = traitsOf(record?.dtype);
  if (traits === undefined) throw new ArgumentError(`${what}: unknown dtype ${String(record?.dtype)}`);
  const { shape, data } = record;
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new ArgumentError(`${what}: shape must be whole numbers, but is [${String(shape)}]`);
  }
  if (!(data instanceof traits.array)) {
    throw new ArgumentError(`${what}: ${traits.dtype} data must be a ${traits.array.name}`);
  }
  const elements = shape.reduce((product: number, size: number) => product * size, 1);
  if (data.length !== elements) {
    throw new ArgumentError(
      `${what}: shape [${shape.join(', ')}] has ${elements} elements, but data has ${data.length}`,
    );
  }
  return {
    name,
    nameBytes: new TextEncoder().encode(name),
    traits,
    shape,
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function headerOf(
  items: readonly Item[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  const members: string[] = [];
  if (metadata !== undefined) {
    const pairs = Object.entries(metadata);
    for (const [key, value] of pairs) {
      if (typeof value !== 'string' || /\p{Surrogate}/u.test(key + value)) {
        throw new ArgumentError(`writeSafetensors: metadata ${quoted(key)} must be well-formed text`);
      }
    }
    members.push(
      `"__metadata__":{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`,
    );
  }
  let offset = 0;
  for (const { name, traits, shape, bytes } of items) {
    const end = offset + bytes.length;
    members.push(
      `${JSON.stringify(name)}:{"dtype":"${traits.safetensors}","shape":[${shape.join()}],"data_offsets":[${offset},${end}]}`,
    );
    offset = end;
  }
  const json = new TextEncoder().encode(`{${members.join()}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > MAX_HEADER_BYTES) {
    throw new ArgumentError(
      `writeSafetensors: a header of ${padded} bytes is more than the format's ${MAX_HEADER_BYTES}`,
    );
  }
  const header = new Uint8Array(8 + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(json, 8);
  return header;
}
