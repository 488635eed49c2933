// Format: 8 bytes little-endian length N, N bytes of JSON, then the elements of all tensors without a gap.
// https://github.com/huggingface/safetensors#format; what is refused here is what the reference refuses, and
// duplicate keys, which the format forbids.
import type { ByteSource } from '../byte-source.ts';
import { type DTypeTraits, traitsOfSafetensors } from '../dtypes.ts';
import { Pacer } from '../pacer.ts';
import { listed, quoted, refuse } from '../refuse.ts';
import { byteLengthOf, contiguousStrides, MAX_RANK } from '../sizes.ts';
import type { StoredTensor, WeightsFile } from '../stored.ts';
import { JsonCursor } from './json.ts';

/** The reference's limit on the header's length. */
export const MAX_HEADER_BYTES = 100_000_000;

interface Entry {
  readonly name: string;
  readonly traits: DTypeTraits;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Reads and checks the header of a safetensors file. */
export async function openSafetensors(source: ByteSource): Promise<WeightsFile> {
  if (source.size < 8) refuse(`only ${source.size} bytes: too short for a safetensors header`);
  const prefix = await source.read(0, 8);
  const length = Number(new DataView(prefix.buffer).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES) {
    refuse(`the header is said to have ${length} bytes, more than the format's ${MAX_HEADER_BYTES}`);
  }
  if (8 + length > source.size) {
    refuse(`the header is said to have ${length} bytes, but the file has ${source.size}: truncated?`);
  }
  const header = await parseHeader(await source.read(8, length));
  const dataStart = 8 + length;
  checkLayout(header.entries, source.size - dataStart);

  const tensors = new Map<string, StoredTensor>();
  for (const { name, traits, shape, begin, end } of header.entries) {
    const position = dataStart + begin;
    tensors.set(name, {
      traits,
      byteLength: end - begin,
      view: { shape, strides: contiguousStrides(shape), offset: 0 },
      storage: { position: async () => position },
    });
  }
  return { format: 'safetensors', metadata: header.metadata, tensors };
}

async function parseHeader(
  bytes: Uint8Array,
): Promise<{ entries: readonly Entry[]; metadata: ReadonlyMap<string, string> }> {
  // The format wants '{' at once; white space is allowed after the object only.
  if (bytes[0] !== 0x7b) refuse("the header does not begin with '{'");
  const cursor = new JsonCursor(bytes);
  const pacer = new Pacer();
  const entries: Entry[] = [];
  const names = new Set<string>();
  let metadata = new Map<string, string>();
  cursor.expect('{', 'the header');
  if (!cursor.accept('}')) {
    do {
      const name = cursor.string('a tensor name');
      cursor.expect(':', `tensor ${quoted(name)}`);
      if (names.has(name)) refuse(`header: the key ${quoted(name)} comes twice`);
      names.add(name);
      if (name === '__metadata__') metadata = parseMetadata(cursor);
      else entries.push(parseEntry(cursor, name));
      if (entries.length % 64 === 0 && pacer.due) await pacer.turn();
    } while (cursor.accept(','));
    cursor.expect('}', 'the header');
  }
  cursor.end();
  return { entries, metadata };
}

function parseMetadata(cursor: JsonCursor): Map<string, string> {
  const metadata = new Map<string, string>();
  if (cursor.acceptNull()) return metadata;
  cursor.object('__metadata__', (key) => {
    if (metadata.has(key)) refuse(`header: the key ${quoted(key)} comes twice in __metadata__`);
    metadata.set(key, cursor.string(`__metadata__ ${quoted(key)}`));
  });
  return metadata;
}

function parseEntry(cursor: JsonCursor, name: string): Entry {
  const what = `tensor ${quoted(name)}`;
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  const once = (key: string, value: unknown): void => {
    if (value !== undefined) refuse(`header: ${what} has ${quoted(key)} twice`);
  };
  cursor.object(what, (key) => {
    if (key === 'dtype') {
      once(key, dtype);
      dtype = cursor.string(`${what}, dtype`);
    } else if (key === 'shape') {
      once(key, shape);
      shape = naturals(cursor, `${what}, shape`, MAX_RANK);
    } else if (key === 'data_offsets') {
      once(key, offsets);
      offsets = naturals(cursor, `${what}, data_offsets`, 2);
    } else {
      cursor.skip(`${what}, ${quoted(key)}`);
    }
  });
  if (dtype === undefined || shape === undefined || offsets === undefined) {
    return refuse(`header: ${what} lacks dtype, shape or data_offsets`);
  }
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || end < begin) {
    return refuse(`header: ${what} has data_offsets [${listed(offsets.map(String))}]`);
  }
  const traits = traitsOfSafetensors(dtype);
  if (traits === undefined) return refuse(`${what} has dtype ${quoted(dtype)}, which cannot be read`);
  const wanted = byteLengthOf(shape, traits.bytes, what);
  if (end - begin !== wanted) {
    refuse(
      `${what}: ${dtype} [${shape.join(', ')}] takes ${wanted} bytes, but data_offsets give ${end - begin}`,
    );
  }
  return { name, traits, shape, begin, end };
}

function naturals(cursor: JsonCursor, where: string, longest: number): number[] {
  const values: number[] = [];
  cursor.array(where, () => {
    if (values.length === longest) refuse(`header: ${where} has more than ${longest} numbers`);
    values.push(cursor.natural(where));
  });
  return values;
}

/** Tensors must cover the data from its first byte to its last, with no gap and no overlap. */
function checkLayout(entries: readonly Entry[], dataBytes: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const how = begin < covered ? 'overlaps the tensor before it' : 'leaves a gap before it';
      refuse(`tensor ${quoted(name)} begins at byte ${begin} of the data, not at ${covered}: it ${how}`);
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    refuse(`the tensors take ${covered} bytes, but ${dataBytes} follow the header: truncated or damaged`);
  }
}
