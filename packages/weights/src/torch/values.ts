// What a pickle becomes: plain data, never an object with behaviour. Dicts are Maps, so that no key of a file can
// reach a prototype.
import type { DTypeTraits } from '../dtypes.ts';

/** Anything that can come out of a pickle. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleOpaque
  | PickleGlobal
  | TorchStorage
  | TorchTensor;

export class PickleTuple {
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

export class PickleList {
  readonly items: PickleValue[] = [];
}

/** A dict or OrderedDict. Keys that are not plain values count by identity. */
export class PickleDict {
  readonly ordered: boolean;
  // Made when first written to: an empty dict is one byte of a pickle and should not be a whole Map.
  #entries: Map<PickleValue, PickleValue> | undefined;

  constructor(ordered: boolean) {
    this.ordered = ordered;
  }

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  get(key: PickleValue): PickleValue | undefined {
    return this.#entries?.get(key);
  }

  set(key: PickleValue, value: PickleValue): void {
    this.#entries ??= new Map();
    this.#entries.set(key, value);
  }

  entries(): Iterable<[PickleValue, PickleValue]> {
    return this.#entries ?? [];
  }
}

/** Something harmless of which only its kind is kept: bytes, sets, complex numbers, devices, counters. */
export class PickleOpaque {
  readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }
}

/** A name of the allow-list. Only those with `call` may be called, and what they do is written in this package. */
export class PickleGlobal {
  readonly name: string;
  readonly call: ((args: readonly PickleValue[], context: CallContext) => PickleValue) | undefined;
  /** Set for storage classes; null for the untyped one, whose size is in bytes. */
  readonly storage: DTypeTraits | null | undefined;
  /** Set for `torch.float32` and its like. */
  readonly dtype: DTypeTraits | undefined;

  constructor(name: string, parts: Partial<Pick<PickleGlobal, 'call' | 'storage' | 'dtype'>> = {}) {
    this.name = name;
    this.call = parts.call;
    this.storage = parts.storage;
    this.dtype = parts.dtype;
  }
}

/** What a called global may ask of the unpickler. */
export interface CallContext {
  /** Says that `items` values are about to be copied; refuses a pickle that has the same ones copied repeatedly. */
  charge(items: number): void;
}

/** A storage as the pickle declares it; the container knows where its bytes are. */
export class TorchStorage {
  readonly key: string;
  /** null: untyped, elements are bytes and the tensor brings its dtype. */
  readonly traits: DTypeTraits | null;
  /** Elements of the whole storage, bytes when untyped. */
  readonly elements: number;
  /** The legacy stream has views of storages: elements from `start` on, `length` of them. */
  readonly start: number;
  readonly length: number;

  constructor(
    key: string,
    traits: DTypeTraits | null,
    elements: number,
    start = 0,
    length: number = elements,
  ) {
    this.key = key;
    this.traits = traits;
    this.elements = elements;
    this.start = start;
    this.length = length;
  }

  /** Bytes per element. */
  get elementBytes(): number {
    return this.traits?.bytes ?? 1;
  }
}

/** A tensor as the pickle declares it, checked against its storage's declared size. */
export class TorchTensor {
  readonly storage: TorchStorage;
  readonly traits: DTypeTraits;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** In elements, from the start of the whole storage. */
  readonly offset: number;

  constructor(
    storage: TorchStorage,
    traits: DTypeTraits,
    shape: readonly number[],
    strides: readonly number[],
    offset: number,
  ) {
    this.storage = storage;
    this.traits = traits;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
  }
}

/** How messages call a value. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'string') return 'str';
  if (value instanceof PickleTuple) return `tuple of ${value.items.length}`;
  if (value instanceof PickleList) return `list of ${value.items.length}`;
  if (value instanceof PickleDict) return `dict of ${value.size}`;
  if (value instanceof PickleGlobal) return value.name;
  if (value instanceof PickleOpaque) return value.kind;
  if (value instanceof TorchStorage) return 'storage';
  return `tensor ${value.traits.dtype} [${value.shape.join(', ')}]`;
}
