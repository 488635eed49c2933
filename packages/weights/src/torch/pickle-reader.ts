import type { ByteSource } from '../byte-source.ts';
import { allocate } from '../dtypes.ts';
import { refuse } from '../refuse.ts';

const CHUNK = 64 << 10;

/** Reads a stretch of a file front to back through a small buffer: pickles in the legacy stream have no known end. */
export class PickleReader {
  readonly #source: ByteSource;
  readonly #end: number;
  #buffer: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#buffer.buffer);
  #cursor = 0;
  // Position in the file of the byte after the buffer.
  #next: number;

  constructor(source: ByteSource, start: number, end: number) {
    this.#source = source;
    this.#next = start;
    this.#end = end;
  }

  /** Position in the file of the next byte. */
  get position(): number {
    return this.#next - this.buffered;
  }

  /** Bytes up to the end of the stretch. */
  get remaining(): number {
    return this.#end - this.position;
  }

  /** Bytes that can be taken without reading the file. */
  get buffered(): number {
    return this.#buffer.length - this.#cursor;
  }

  /** Makes at least `count` bytes ready to be taken; memory is only taken for bytes that exist. */
  async fill(count: number): Promise<void> {
    if (count <= this.buffered) return;
    if (count > this.remaining) {
      refuse(`pickle: ${count} bytes are wanted where only ${this.remaining} are left: truncated?`);
    }
    const kept = this.buffered;
    const length = Math.min(Math.max(count, CHUNK), this.remaining);
    const buffer = new Uint8Array(allocate(length));
    buffer.set(this.#buffer.subarray(this.#cursor));
    await this.#source.readInto(this.#next, buffer.subarray(kept));
    this.#next += length - kept;
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
    this.#cursor = 0;
  }

  /** Moves on without reading what is passed over. */
  skip(count: number): void {
    if (count > this.remaining) {
      refuse(`pickle: ${count} bytes are announced where only ${this.remaining} are left: truncated?`);
    }
    if (count <= this.buffered) {
      this.#cursor += count;
      return;
    }
    this.#next = this.position + count;
    this.#buffer = this.#buffer.subarray(0, 0);
    this.#cursor = 0;
  }

  /** Takes bytes made ready by {@link fill}; valid until the next fill. */
  take(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#buffer.subarray(start, start + count);
  }

  /** Bytes up to the next line feed if it is among the ready ones, else -1. */
  lineLength(): number {
    const at = this.#buffer.indexOf(0x0a, this.#cursor);
    return at < 0 ? -1 : at - this.#cursor;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  /** A little-endian unsigned integer of 1, 2, 4 or 8 bytes; past 2^53 only good for comparing. */
  unsigned(bytes: number): number {
    const at = this.#advance(bytes);
    if (bytes === 1) return this.#view.getUint8(at);
    if (bytes === 2) return this.#view.getUint16(at, true);
    if (bytes === 4) return this.#view.getUint32(at, true);
    return Number(this.#view.getBigUint64(at, true));
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** Pickle's only big-endian number. */
  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  #advance(count: number): number {
    const at = this.#cursor;
    this.#cursor += count;
    return at;
  }
}
