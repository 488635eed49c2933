// Writes zip archives with stored entries, and with everything about them that can be wrong.

export interface ZipFile {
  readonly name: string;
  readonly data: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  /** Sizes to claim in the directory instead of the true one. */
  readonly size?: number;
  readonly packedSize?: number;
  /** Where to claim that the entry is. */
  readonly header?: number;
  /** Name in the entry's own header. */
  readonly localName?: string;
  /** Length of padding to claim in the entry's own header. */
  readonly localExtra?: number;
  /** Bytes that belong to the data and are left out of the parts, for sparse files. */
  readonly hole?: number;
  /** Write sizes and position in a zip64 extra field. */
  readonly zip64?: boolean;
}

export interface ZipOptions {
  readonly zip64End?: boolean;
  readonly comment?: string;
  readonly entries?: number;
  readonly directorySize?: number;
  readonly directoryPosition?: number;
  readonly disk?: number;
}

const encoder = new TextEncoder();

class Writer {
  /** Bytes with their positions. */
  readonly parts: (readonly [number, Uint8Array])[] = [];
  length = 0;

  bytes(part: Uint8Array): void {
    this.parts.push([this.length, part]);
    this.length += part.length;
  }

  /** Pairs of width and value. */
  fields(...pairs: readonly (readonly [2 | 4 | 8, number])[]): void {
    const view = new DataView(new ArrayBuffer(pairs.reduce((sum, [width]) => sum + width, 0)));
    let at = 0;
    for (const [width, value] of pairs) {
      if (width === 2) view.setUint16(at, value, true);
      else if (width === 4) view.setUint32(at, value, true);
      else view.setBigUint64(at, BigInt(value), true);
      at += width;
    }
    this.bytes(new Uint8Array(view.buffer));
  }

  done(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.parts.map(([, part]) => part)));
  }
}

export function zip(files: readonly ZipFile[], options: ZipOptions = {}): Uint8Array {
  return writeZip(files, options).done();
}

/** The archive as bytes and their positions, between which there are holes. */
export function sparseZip(
  files: readonly ZipFile[],
  options: ZipOptions = {},
): readonly (readonly [number, Uint8Array])[] {
  return writeZip(files, options).parts;
}

function writeZip(files: readonly ZipFile[], options: ZipOptions): Writer {
  const out = new Writer();
  const directory = new Writer();
  for (const file of files) {
    const name = encoder.encode(file.name);
    const localName = encoder.encode(file.localName ?? file.name);
    const { method = 0, flags = 0x800, hole = 0 } = file;
    const { size = file.data.length + hole, packedSize = size } = file;
    const header = file.header ?? out.length;
    out.fields([4, 0x04034b50], [2, 20], [2, flags], [2, method], [4, 0], [4, 0]);
    out.fields([4, Math.min(packedSize, 0xffffffff)], [4, Math.min(size, 0xffffffff)]);
    out.fields([2, localName.length], [2, file.localExtra ?? 0]);
    out.bytes(localName);
    out.bytes(file.data);
    out.length += hole;
    const wide = 0xffffffff;
    directory.fields([4, 0x02014b50], [2, 20], [2, 20], [2, flags], [2, method], [4, 0], [4, 0]);
    directory.fields([4, file.zip64 ? wide : packedSize], [4, file.zip64 ? wide : size]);
    directory.fields([2, name.length], [2, file.zip64 ? 32 : 0], [2, 0], [2, 0], [2, 0], [4, 0]);
    directory.fields([4, file.zip64 ? wide : header]);
    directory.bytes(name);
    if (file.zip64) {
      // Another extra field before it, as other writers put there.
      directory.fields([2, 0x7075], [2, 0], [2, 1], [2, 24], [8, size], [8, packedSize], [8, header]);
    }
  }
  const position = options.directoryPosition ?? out.length;
  const size = options.directorySize ?? directory.length;
  const entries = options.entries ?? files.length;
  out.bytes(directory.done());
  if (options.zip64End) {
    const end = out.length;
    out.fields([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0]);
    out.fields([8, entries], [8, entries], [8, size], [8, position]);
    out.fields([4, 0x07064b50], [4, 0], [8, end], [4, 1]);
  }
  const comment = encoder.encode(options.comment ?? '');
  const disk = options.disk ?? 0;
  // What does not fit the old fields is left to the zip64 end.
  const few = Math.min(entries, 0xffff);
  out.fields([4, 0x06054b50], [2, disk], [2, disk], [2, few], [2, few]);
  out.fields([4, Math.min(size, 0xffffffff)], [4, Math.min(position, 0xffffffff)]);
  out.fields([2, comment.length]);
  out.bytes(comment);
  return out;
}

/** A PyTorch archive around a pickle. */
export function torchZip(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = {},
): Uint8Array {
  return zip([
    { name: 'archive/data.pkl', data: pickle },
    ...Object.entries(storages).map(([key, data]) => ({ name: `archive/data/${key}`, data })),
    { name: 'archive/version', data: encoder.encode('3\n') },
  ]);
}
