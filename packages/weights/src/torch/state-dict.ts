// Finds the tensors in what a checkpoint holds.
import { listed, quoted, refuse } from '../refuse.ts';
import { byteLengthOf } from '../sizes.ts';
import type { Storage, StoredTensor } from '../stored.ts';
import { describe, PickleDict, type PickleValue, type TorchStorage, TorchTensor } from './values.ts';

const WRAPPERS = ['state_dict', 'model'] as const;
// `{'model': {'state_dict': ...}}` is met in the wild; deeper nesting is not.
const MAX_UNWRAP = 4;

/** Picks the dict with the tensors, and locates the storage of each. Values that are not tensors are passed over. */
export function tensorsOf(
  root: PickleValue,
  unwrap: boolean | string,
  locate: (storage: TorchStorage) => Storage,
): Map<string, StoredTensor> {
  const dict = typeof unwrap === 'string' ? dictUnder(root, unwrap) : outermost(root, unwrap);
  const tensors = new Map<string, StoredTensor>();
  const storages = new Map<string, Storage>();
  for (const [key, value] of dict.entries()) {
    if (!(value instanceof TorchTensor)) continue;
    if (typeof key !== 'string')
      refuse(`a tensor is stored under a key that is ${describe(key)}, not a name`);
    let storage = storages.get(value.storage.key);
    if (storage === undefined) {
      storage = locate(value.storage);
      storages.set(value.storage.key, storage);
    }
    tensors.set(key, {
      traits: value.traits,
      byteLength: byteLengthOf(value.shape, value.traits.bytes, `tensor ${quoted(key)}`),
      view: { shape: value.shape, strides: value.strides, offset: value.offset },
      storage,
    });
  }
  if (tensors.size === 0 && dict.size > 0) {
    refuse(`no tensors in the dict of the checkpoint; its keys are ${keysOf(dict)}`);
  }
  return tensors;
}

function dictUnder(root: PickleValue, key: string): PickleDict {
  const dict = asDict(root);
  const value = dict.get(key);
  if (!(value instanceof PickleDict)) {
    refuse(
      value === undefined
        ? `nothing lies under ${quoted(key)} in the checkpoint; its keys are ${keysOf(dict)}`
        : `under ${quoted(key)} lies ${describe(value)}, not a dict of tensors`,
    );
  }
  return value;
}

function outermost(root: PickleValue, unwrap: boolean): PickleDict {
  const dict = asDict(root);
  return (unwrap ? unwrapped(dict, 0) : undefined) ?? dict;
}

/** The dict with tensors under `state_dict` or `model`; an empty one only where there are no tensors beside it. */
function unwrapped(dict: PickleDict, depth: number): PickleDict | undefined {
  if (depth === MAX_UNWRAP) return undefined;
  for (const key of WRAPPERS) {
    const value = dict.get(key);
    if (!(value instanceof PickleDict)) continue;
    const deeper = unwrapped(value, depth + 1);
    if (deeper !== undefined) return deeper;
    if (holdsTensors(value) || (value.size === 0 && !holdsTensors(dict))) return value;
  }
  return undefined;
}

function holdsTensors(dict: PickleDict): boolean {
  for (const [, value] of dict.entries()) if (value instanceof TorchTensor) return true;
  return false;
}

function asDict(root: PickleValue): PickleDict {
  if (!(root instanceof PickleDict)) {
    refuse(`the file holds ${describe(root)}, not a state dict: save a dict of named tensors`);
  }
  return root;
}

function keysOf(dict: PickleDict): string {
  const keys = [...dict.entries()].map(
    ([key, value]) => `${typeof key === 'string' ? quoted(key) : describe(key)} (${describe(value)})`,
  );
  const nested = [...dict.entries()].find(([, value]) => value instanceof PickleDict && holdsTensors(value));
  const hint =
    nested && typeof nested[0] === 'string' ? `; unwrap: ${quoted(nested[0])} would take that dict` : '';
  return `${listed(keys)}${hint}`;
}
