import type { ByteSource } from './byte-source.ts';
import type { DTypeTraits } from './dtypes.ts';
import { copyStrided, isContiguous, reachOf, type StridedView } from './strided.ts';
import type { WeightsFormat } from './types.ts';

/** A run of bytes in the file that one or more tensors are views of. */
export interface Storage {
  /** Where it begins in the file; asked for only when elements are read. */
  position(): Promise<number>;
}

/** A tensor as it lies in a file. The view was checked against the storage, and the storage against the file. */
export interface StoredTensor {
  readonly traits: DTypeTraits;
  readonly view: StridedView;
  /** Bytes when contiguous. */
  readonly byteLength: number;
  readonly storage: Storage;
}

/** What a container reader hands out. */
export interface WeightsFile {
  readonly format: WeightsFormat;
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Copies a tensor's elements, contiguous, into `destination`, which has exactly its bytes. */
export async function readStored(
  source: ByteSource,
  tensor: StoredTensor,
  destination: Uint8Array,
): Promise<void> {
  if (reachOf(tensor.view) === 0) return;
  const start = await tensor.storage.position();
  if (isContiguous(tensor.view)) {
    await source.readInto(start + tensor.view.offset * tensor.traits.bytes, destination);
  } else {
    await copyStrided(tensor.view, tensor.traits.bytes, destination, (position, into) =>
      source.readInto(start + position, into),
    );
  }
}
