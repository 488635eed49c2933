import { quoted, refuse } from '../refuse.ts';
import { findGlobal, storageClass } from './globals.ts';
import { naturalOf } from './rebuild.ts';
import type { PickleHost } from './unpickler.ts';
import { describe, type PickleGlobal, PickleTuple, type PickleValue, TorchStorage } from './values.ts';

/**
 * Turns persistent ids into storages: `('storage', class, key, location, elements)`, to which the legacy stream adds
 * `None` or `(view key, offset, size)`. Each storage is one object, however often it is named.
 */
export class TorchHost implements PickleHost {
  /** Whole storages by key, in the order in which they were first named. */
  readonly storages: Map<string, TorchStorage> = new Map();
  readonly #views = new Map<string, TorchStorage>();

  findGlobal(module: string, name: string): PickleGlobal {
    return findGlobal(module, name);
  }

  persistentLoad(id: PickleValue): PickleValue {
    if (!(id instanceof PickleTuple)) refuse(`pickle: a persistent id that is ${describe(id)}`);
    const [kind, storageType, key, , count, view] = id.items;
    if (kind !== 'storage') {
      refuse(
        `pickle: a persistent object of kind ${typeof kind === 'string' ? quoted(kind) : describe(kind)} is refused`,
      );
    }
    const traits = storageClass(storageType);
    if (traits === undefined) refuse(`pickle: a storage of class ${describe(storageType)}`);
    if (typeof key !== 'string') refuse(`pickle: a storage whose key is ${describe(key)}`);
    const elements = naturalOf(count, 'element count');
    const bytes = elements * (traits?.bytes ?? 1);
    if (!Number.isSafeInteger(bytes)) refuse(`pickle: storage ${quoted(key)} of ${elements} elements`);

    let storage = this.storages.get(key);
    if (storage === undefined) {
      storage = new TorchStorage(key, traits, elements);
      this.storages.set(key, storage);
    } else if (storage.traits !== traits || storage.elements !== elements) {
      refuse(`pickle: storage ${quoted(key)} is declared twice, differently`);
    }
    return view === undefined || view === null ? storage : this.#view(storage, view);
  }

  #view(storage: TorchStorage, metadata: PickleValue): TorchStorage {
    const [key, start, length] = metadata instanceof PickleTuple ? metadata.items : [];
    if (typeof key !== 'string') refuse(`pickle: a storage view that is ${describe(metadata)}`);
    const from = naturalOf(start, 'view offset');
    const size = naturalOf(length, 'view size');
    if (from + size > storage.elements) {
      refuse(`pickle: a view of elements ${from} to ${from + size} of a storage with ${storage.elements}`);
    }
    const known = this.#views.get(key);
    if (known !== undefined) {
      if (known.key !== storage.key || known.start !== from || known.length !== size) {
        refuse(`pickle: storage view ${quoted(key)} is declared twice, differently`);
      }
      return known;
    }
    const view = new TorchStorage(storage.key, storage.traits, storage.elements, from, size);
    this.#views.set(key, view);
    return view;
  }
}
