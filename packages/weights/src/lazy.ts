import { ArgumentError } from '@fusor/errors';
import type { ByteSource } from './byte-source.ts';
import { allocate } from './dtypes.ts';
import { inFile, quoted, refuse } from './refuse.ts';
import { readStored, type StoredTensor, type WeightsFile } from './stored.ts';
import type { LazyStateDict, TensorInfo, TensorRecord, WeightsFormat } from './types.ts';

/** An open file whose container was read. */
export class LazyWeights implements LazyStateDict {
  readonly format: WeightsFormat;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The file. */
  readonly source: ByteSource;
  /** Where each tensor lies. */
  readonly stored: ReadonlyMap<string, StoredTensor>;

  constructor(source: ByteSource, file: WeightsFile) {
    this.source = source;
    this.format = file.format;
    this.metadata = file.metadata;
    this.stored = file.tensors;
    const tensors = new Map<string, TensorInfo>();
    for (const [name, { traits, view, byteLength }] of file.tensors) {
      tensors.set(name, { dtype: traits.dtype, shape: view.shape, byteLength });
    }
    this.tensors = tensors;
  }

  async read(name: string): Promise<TensorRecord> {
    return inFile(this.source.label, async () => {
      const tensor = this.#find(name);
      const buffer = allocate(tensor.byteLength);
      await this.#readInto(name, tensor, new Uint8Array(buffer));
      const { traits, view } = tensor;
      return { dtype: traits.dtype, shape: view.shape, data: new traits.array(buffer) };
    });
  }

  async readInto(name: string, destination: Uint8Array): Promise<void> {
    await inFile(this.source.label, async () => {
      const tensor = this.#find(name);
      if (!(destination instanceof Uint8Array) || destination.length !== tensor.byteLength) {
        const got = destination instanceof Uint8Array ? `${destination.length} bytes` : typeof destination;
        throw new ArgumentError(
          `readInto: ${quoted(name)} takes a Uint8Array of ${tensor.byteLength} bytes, but received ${got}`,
        );
      }
      await this.#readInto(name, tensor, destination);
    });
  }

  async close(): Promise<void> {
    await this.source.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #find(name: string): StoredTensor {
    return this.stored.get(name) ?? refuse(`there is no tensor ${quoted(String(name))}`);
  }

  async #readInto(name: string, tensor: StoredTensor, destination: Uint8Array): Promise<void> {
    this.source.assertOpen();
    await inFile(`tensor ${quoted(name)}`, () => readStored(this.source, tensor, destination));
  }
}
