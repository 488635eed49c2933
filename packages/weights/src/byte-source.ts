import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArgumentError, DisposedError, WeightsError } from '@fusor/errors';
import { allocate } from './dtypes.ts';
import { Pacer } from './pacer.ts';
import { refuse } from './refuse.ts';
import type { WeightsInput } from './types.ts';

// Big enough that the hop to libuv's pool (some 50 us) does not count beside the copy (4 MiB take about 1 ms), small
// enough that close() is noticed soon and no pool thread is held for long.
const READ_SLICE = 4 << 20;
// A copy on the main thread of 512 KiB takes about 0.1 ms.
const COPY_SLICE = 512 << 10;
// Reads below SMALL_READ (zip headers, counts, batch-norm vectors) are served from a window of WINDOW bytes, because
// they come in the file's order and each would otherwise cost a hop.
const SMALL_READ = 8 << 10;
const WINDOW = 64 << 10;

/** Bytes that can be read at any position. Reads may run at the same time. */
export abstract class ByteSource {
  /** How messages name it. */
  readonly label: string;
  readonly size: number;
  /** Shared by all reads, because many short ones in a row hold the event loop as a long one does. */
  protected readonly pacer: Pacer = new Pacer();

  constructor(label: string, size: number) {
    this.label = label;
    this.size = size;
  }

  /**
   * Fills all of `destination` from `position` on.
   * @throws {WeightsError} when that is past the end
   * @throws {DisposedError} after `close()`
   */
  async readInto(position: number, destination: Uint8Array): Promise<void> {
    if (position + destination.length > this.size) {
      refuse(
        `bytes ${position} to ${position + destination.length} are wanted, but there are only ${this.size}: truncated?`,
      );
    }
    if (destination.length > 0) await this.fill(position, destination);
    if (this.pacer.due) await this.pacer.turn();
  }

  /** Reads into fresh memory, taken only after the range was checked against the size. */
  async read(position: number, length: number): Promise<Uint8Array> {
    if (position + length > this.size) {
      refuse(
        `bytes ${position} to ${position + length} are wanted, but there are only ${this.size}: truncated?`,
      );
    }
    const bytes = new Uint8Array(allocate(length));
    await this.readInto(position, bytes);
    return bytes;
  }

  /** @throws {DisposedError} after `close()` */
  abstract assertOpen(): void;
  abstract close(): Promise<void>;
  protected abstract fill(position: number, destination: Uint8Array): Promise<void>;

  protected disposed(): never {
    throw new DisposedError(`${this.label}: the file was closed`);
  }
}

class FileSource extends ByteSource {
  readonly #handle: FileHandle;
  #closed = false;
  #window: { readonly start: number; readonly bytes: Uint8Array } | undefined;

  constructor(label: string, size: number, handle: FileHandle) {
    super(label, size);
    this.#handle = handle;
  }

  protected async fill(position: number, destination: Uint8Array): Promise<void> {
    this.assertOpen();
    if (destination.length > SMALL_READ) return this.#fillFromDisk(position, destination);
    let window = this.#window;
    const end = position + destination.length;
    if (window === undefined || position < window.start || end > window.start + window.bytes.length) {
      const bytes = new Uint8Array(allocate(Math.min(WINDOW, this.size - position)));
      await this.#fillFromDisk(position, bytes);
      window = { start: position, bytes };
      this.#window = window;
    }
    destination.set(window.bytes.subarray(position - window.start, end - window.start));
  }

  async #fillFromDisk(position: number, destination: Uint8Array): Promise<void> {
    let done = 0;
    while (done < destination.length) {
      this.assertOpen();
      const length = Math.min(READ_SLICE, destination.length - done);
      let bytesRead: number;
      try {
        ({ bytesRead } = await this.#handle.read(destination, done, length, position + done));
      } catch (error) {
        this.assertOpen();
        refuse(`cannot be read: ${messageOf(error)}`, { cause: error });
      }
      if (bytesRead === 0) refuse(`became shorter while it was read (it had ${this.size} bytes)`);
      done += bytesRead;
      this.pacer.rested();
    }
  }

  assertOpen(): void {
    if (this.#closed) this.disposed();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#window = undefined;
    await this.#handle.close();
  }
}

class MemorySource extends ByteSource {
  #bytes: Uint8Array | undefined;

  constructor(label: string, bytes: Uint8Array) {
    super(label, bytes.length);
    this.#bytes = bytes;
  }

  protected async fill(position: number, destination: Uint8Array): Promise<void> {
    for (let done = 0; done < destination.length; done += COPY_SLICE) {
      if (this.#bytes === undefined) this.disposed();
      const length = Math.min(COPY_SLICE, destination.length - done);
      destination.set(this.#bytes.subarray(position + done, position + done + length), done);
      if (this.pacer.due) await this.pacer.turn();
    }
  }

  assertOpen(): void {
    if (this.#bytes === undefined) this.disposed();
  }

  async close(): Promise<void> {
    this.#bytes = undefined;
  }
}

/**
 * Opens a path, a `file:` URL or bytes for reading.
 * @throws {WeightsError} when the file cannot be opened or is not a regular file
 * @throws {ArgumentError} for anything else
 */
export async function openByteSource(input: WeightsInput): Promise<ByteSource> {
  if (input instanceof Uint8Array) return new MemorySource(`${input.length} bytes`, input);
  if (input instanceof ArrayBuffer)
    return new MemorySource(`${input.byteLength} bytes`, new Uint8Array(input));
  const path = pathOf(input);
  const label = basename(path) || path;
  let handle: FileHandle;
  try {
    // O_NONBLOCK: opening a pipe that nobody writes to must not hang; it is refused below as not a regular file.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw new WeightsError(`cannot open ${path}: ${messageOf(error)}`, { cause: error });
  }
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new WeightsError(`cannot open ${path}: it is not a regular file`);
    return new FileSource(label, status.size, handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The path that a string or a `file:` URL names. */
export function pathOf(input: unknown): string {
  if (typeof input === 'string' && input !== '' && !input.includes('\0')) return input;
  if (input instanceof URL && input.protocol === 'file:') {
    try {
      return fileURLToPath(input);
    } catch (error) {
      throw new ArgumentError(`weights: ${input.href} does not name a local file`, { cause: error });
    }
  }
  const got =
    input instanceof URL ? input.href : typeof input === 'string' ? JSON.stringify(input) : kindOf(input);
  throw new ArgumentError(`weights: expected a path, a file: URL or bytes, but received ${got}`);
}

function kindOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return String(value);
  return `an object (${value.constructor?.name ?? 'no class'})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
