// PyTorch's stream container (before 1.6): pickles of a magic number, a version, facts of the system and the object,
// a pickled list of storage keys, and then per key, in that order, an int64 element count and the elements.
import type { ByteSource } from '../byte-source.ts';
import { quoted, refuse } from '../refuse.ts';
import type { Storage, WeightsFile } from '../stored.ts';
import { PickleReader } from './pickle-reader.ts';
import { tensorsOf } from './state-dict.ts';
import { TorchHost } from './storages.ts';
import { plainHost, Unpickler } from './unpickler.ts';
import { describe, PickleDict, PickleList, type TorchStorage } from './values.ts';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
const COUNT_BYTES = 8;

/** Reads the pickles of a stream and finds its storages. */
export async function openTorchLegacy(source: ByteSource, unwrap: boolean | string): Promise<WeightsFile> {
  const reader = new PickleReader(source, 0, source.size);
  const magic = await new Unpickler(reader, plainHost).load();
  if (magic !== MAGIC) refuse('a pickle, but not one of PyTorch: the magic number is missing');
  const version = await new Unpickler(reader, plainHost).load();
  if (version !== PROTOCOL_VERSION)
    refuse(`PyTorch's stream of version ${String(version)}, not ${PROTOCOL_VERSION}`);
  const system = await new Unpickler(reader, plainHost).load();
  if (!(system instanceof PickleDict)) refuse(`system facts that are ${describe(system)}`);
  if (system.get('little_endian') === false) refuse('written in big-endian byte order, which is not read');

  const host = new TorchHost();
  const value = await new Unpickler(reader, host).load();
  const keys = await new Unpickler(reader, plainHost).load();
  if (!(keys instanceof PickleList)) refuse(`a list of storages that is ${describe(keys)}`);
  const positions = await findStorages(source, reader.position, keys, host);

  const tensors = tensorsOf(value, unwrap, (storage) => locate(storage, positions));
  return { format: 'torch-legacy', metadata: new Map(), tensors };
}

/** Walks from count to count; only those are read. */
async function findStorages(
  source: ByteSource,
  start: number,
  keys: PickleList,
  host: TorchHost,
): Promise<ReadonlyMap<string, number>> {
  const positions = new Map<string, number>();
  let at = start;
  for (const key of keys.items) {
    const storage = typeof key === 'string' ? host.storages.get(key) : undefined;
    if (typeof key !== 'string' || storage === undefined) {
      return refuse(
        `storage ${typeof key === 'string' ? quoted(key) : describe(key)} is listed but no tensor has it`,
      );
    }
    if (positions.has(key)) refuse(`storage ${quoted(key)} is listed twice`);
    const count = await source.read(at, COUNT_BYTES);
    const elements = new DataView(count.buffer).getBigInt64(0, true);
    if (elements !== BigInt(storage.elements)) {
      refuse(`storage ${quoted(key)} is declared with ${storage.elements} elements but has ${elements}`);
    }
    const position = at + COUNT_BYTES;
    at = position + storage.elements * storage.elementBytes;
    if (at > source.size) {
      refuse(`storage ${quoted(key)} ends at byte ${at}, but the file has ${source.size}: truncated?`);
    }
    positions.set(key, position);
  }
  return positions;
}

function locate(storage: TorchStorage, positions: ReadonlyMap<string, number>): Storage {
  const position = positions.get(storage.key);
  if (position === undefined) return refuse(`storage ${quoted(storage.key)} is missing from the file`);
  return { position: async () => position };
}
