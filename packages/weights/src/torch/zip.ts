// Reads the directory of a zip archive as PyTorch writes them: entries stored, not compressed, so that nothing can
// unpack to more than it is. Format: PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.3.
import type { ByteSource } from '../byte-source.ts';
import { Pacer } from '../pacer.ts';
import { quoted, refuse } from '../refuse.ts';

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const LOCAL_HEADER_BYTES = 30;
const CENTRAL_HEADER_BYTES = 46;
const END_BYTES = 22;
const END_64_BYTES = 56;
const END_64_LOCATOR_BYTES = 20;
const LONGEST_COMMENT = 0xffff;
const ZIP64_EXTRA = 0x0001;
const FLAG_ENCRYPTED = 0x0001;
const FLAG_STRONG_ENCRYPTION = 0x0040;
const FLAG_MASKED = 0x2000;

const NAME = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One stored file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly size: number;
  /** Where its bytes begin in the archive; reads and checks the header that stands before them. */
  position(): Promise<number>;
}

interface DirectoryEntry {
  readonly name: string;
  readonly size: number;
  readonly header: number;
  readonly nameBytes: number;
}

interface Directory {
  readonly position: number;
  readonly bytes: number;
  readonly entries: number;
}

/** Reads the directory and checks that entries are stored, apart from each other, inside the file, plainly named. */
export async function readZipDirectory(source: ByteSource): Promise<ReadonlyMap<string, ZipEntry>> {
  const directory = await findDirectory(source);
  const found = await readEntries(await source.read(directory.position, directory.bytes), directory.entries);
  const sorted = [...found].sort((a, b) => a.header - b.header);
  const entries = new Map<string, ZipEntry>();
  for (const [i, entry] of sorted.entries()) {
    // The header before an entry's bytes repeats its name and may be padded: this is the least that it takes.
    const least = entry.header + LOCAL_HEADER_BYTES + entry.nameBytes + entry.size;
    const limit = sorted[i + 1]?.header ?? directory.position;
    if (least > limit) {
      const what = sorted[i + 1] === undefined ? 'the directory' : `entry ${quoted(sorted[i + 1]!.name)}`;
      refuse(`zip: entry ${quoted(entry.name)} overlaps ${what}`);
    }
    if (entries.has(entry.name)) refuse(`zip: entry ${quoted(entry.name)} comes twice`);
    let position: Promise<number> | undefined;
    entries.set(entry.name, {
      name: entry.name,
      size: entry.size,
      position: () => {
        position ??= dataPosition(source, entry, limit);
        return position;
      },
    });
  }
  return entries;
}

async function findDirectory(source: ByteSource): Promise<Directory> {
  const tailStart = Math.max(0, source.size - END_BYTES - LONGEST_COMMENT);
  const tail = viewOf(await source.read(tailStart, source.size - tailStart));
  let at = tail.byteLength - END_BYTES;
  const isEnd = (): boolean =>
    tail.getUint32(at, true) === END && at + END_BYTES + tail.getUint16(at + 20, true) === tail.byteLength;
  while (at >= 0 && !isEnd()) at--;
  if (at < 0) refuse('zip: the end of the directory is missing: truncated?');

  if (tail.getUint16(at + 4, true) !== 0 || tail.getUint16(at + 6, true) !== 0) {
    refuse('zip: archives in several parts are not read');
  }
  const classic = {
    entries: tail.getUint16(at + 10, true),
    bytes: tail.getUint32(at + 12, true),
    position: tail.getUint32(at + 16, true),
  };
  const end = tailStart + at;
  const extended = await readZip64End(source, end);
  const directory = extended?.directory ?? classic;
  if (extended !== undefined) {
    const same = (small: number, large: number, unset: number): boolean => small === unset || small === large;
    if (
      !same(classic.entries, directory.entries, 0xffff) ||
      !same(classic.bytes, directory.bytes, 0xffffffff) ||
      !same(classic.position, directory.position, 0xffffffff)
    ) {
      refuse('zip: the two ends of the directory contradict each other');
    }
  }
  const endOfDirectory = extended?.position ?? end;
  if (directory.position + directory.bytes !== endOfDirectory) {
    refuse(
      `zip: a directory of ${directory.bytes} bytes at ${directory.position} does not end at ${endOfDirectory}`,
    );
  }
  if (directory.entries * CENTRAL_HEADER_BYTES > directory.bytes) {
    refuse(`zip: ${directory.entries} entries in a directory of ${directory.bytes} bytes`);
  }
  return directory;
}

/** The zip64 end of the directory, which PyTorch writes in every archive. */
async function readZip64End(
  source: ByteSource,
  end: number,
): Promise<{ directory: Directory; position: number } | undefined> {
  const locatorPosition = end - END_64_LOCATOR_BYTES;
  if (locatorPosition < END_64_BYTES) return undefined;
  const locator = viewOf(await source.read(locatorPosition, END_64_LOCATOR_BYTES));
  if (locator.getUint32(0, true) !== END_64_LOCATOR) return undefined;
  const position = uint64(locator, 8);
  if (position > locatorPosition - END_64_BYTES) refuse(`zip: the zip64 end is said to be at ${position}`);
  const record = viewOf(await source.read(position, END_64_BYTES));
  if (record.getUint32(0, true) !== END_64) refuse(`zip: no zip64 end at ${position}`);
  if (record.getUint32(16, true) !== 0 || record.getUint32(20, true) !== 0) {
    refuse('zip: archives in several parts are not read');
  }
  const directory = {
    entries: uint64(record, 32),
    bytes: uint64(record, 40),
    position: uint64(record, 48),
  };
  return { directory, position };
}

async function readEntries(bytes: Uint8Array, count: number): Promise<DirectoryEntry[]> {
  const view = viewOf(bytes);
  const pacer = new Pacer();
  const entries: DirectoryEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_HEADER_BYTES > bytes.length || view.getUint32(at, true) !== CENTRAL_HEADER) {
      refuse(`zip: entry ${i} of the directory is damaged`);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + CENTRAL_HEADER_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > bytes.length) refuse(`zip: entry ${i} reaches past the directory`);
    const name = nameOf(bytes.subarray(at + CENTRAL_HEADER_BYTES, at + CENTRAL_HEADER_BYTES + nameBytes));
    checkStored(name, view.getUint16(at + 10, true), view.getUint16(at + 8, true));
    const [size, packed, header] = sizesOf(name, view, at, nameBytes, extraBytes);
    if (size !== packed)
      refuse(`zip: entry ${quoted(name)} is stored but has two sizes, ${packed} and ${size}`);
    if (!(name.endsWith('/') && size === 0)) entries.push({ name, size, header, nameBytes });
    at = next;
    if (i % 64 === 0 && pacer.due) await pacer.turn();
  }
  if (at !== bytes.length) refuse('zip: the directory holds more than its entries');
  return entries;
}

/** Size, packed size and header position; those that do not fit 32 bits stand in the zip64 extra field, in order. */
function sizesOf(
  name: string,
  view: DataView,
  at: number,
  nameBytes: number,
  extraBytes: number,
): [size: number, packed: number, header: number] {
  const values: [number, number, number] = [
    view.getUint32(at + 24, true),
    view.getUint32(at + 20, true),
    view.getUint32(at + 42, true),
  ];
  if (!values.includes(0xffffffff)) return values;
  const start = at + CENTRAL_HEADER_BYTES + nameBytes;
  const end = start + extraBytes;
  let field = start;
  while (field + 4 <= end && view.getUint16(field, true) !== ZIP64_EXTRA) {
    field += 4 + view.getUint16(field + 2, true);
  }
  const fieldEnd = field + 4 <= end ? field + 4 + view.getUint16(field + 2, true) : field;
  let wide = field + 4;
  for (const [i, value] of values.entries()) {
    if (value !== 0xffffffff) continue;
    if (wide + 8 > fieldEnd || fieldEnd > end) refuse(`zip: entry ${quoted(name)} lacks its zip64 sizes`);
    values[i] = uint64(view, wide);
    wide += 8;
  }
  return values;
}

function checkStored(name: string, method: number, flags: number): void {
  if ((flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED)) !== 0) {
    refuse(`zip: entry ${quoted(name)} is encrypted`);
  }
  if (method !== 0) {
    refuse(`zip: entry ${quoted(name)} is compressed (method ${method}); PyTorch only stores`);
  }
}

function nameOf(bytes: Uint8Array): string {
  let name: string;
  try {
    name = NAME.decode(bytes);
  } catch {
    return refuse('zip: an entry has a name that is not UTF-8');
  }
  // Nothing here is ever written to a file by its name; such names are still a sign of a forged archive. A colon is
  // fine behind more than a drive letter: PyTorch names the folder after the file.
  const segments = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  if (
    /[\\\0]|^[A-Za-z]:\//.test(name) ||
    segments.some((part) => part === '' || part === '.' || part === '..')
  ) {
    refuse(`zip: entry ${quoted(name)} has a name that is no plain path`);
  }
  return name;
}

async function dataPosition(source: ByteSource, entry: DirectoryEntry, limit: number): Promise<number> {
  const what = `zip: entry ${quoted(entry.name)}`;
  const header = viewOf(await source.read(entry.header, LOCAL_HEADER_BYTES + entry.nameBytes));
  if (header.getUint32(0, true) !== LOCAL_HEADER) refuse(`${what} has no header at ${entry.header}`);
  checkStored(entry.name, header.getUint16(8, true), header.getUint16(6, true));
  const nameBytes = header.getUint16(26, true);
  const name = new Uint8Array(header.buffer, LOCAL_HEADER_BYTES, entry.nameBytes);
  if (nameBytes !== entry.nameBytes || nameOf(name) !== entry.name) {
    refuse(`${what} has another name in its own header`);
  }
  const position = entry.header + LOCAL_HEADER_BYTES + nameBytes + header.getUint16(28, true);
  if (position + entry.size > limit) refuse(`${what} reaches into what follows it`);
  return position;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Past 2^53 only good for failing the comparison with the file's size. */
function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
