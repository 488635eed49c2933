// PyTorch's functions that make tensors from storages (torch/_utils.py), on descriptions of tensors.
import type { DTypeTraits } from '../dtypes.ts';
import { refuse } from '../refuse.ts';
import { byteLengthOf, MAX_RANK } from '../sizes.ts';
import { reachOf } from '../strided.ts';
import {
  type CallContext,
  describe,
  PickleGlobal,
  PickleTuple,
  type PickleValue,
  TorchStorage,
  TorchTensor,
} from './values.ts';

type Args = readonly PickleValue[];

/** `_rebuild_tensor(storage, storage_offset, size, stride)`; v2 adds requires_grad and hooks, which mean nothing here. */
export function rebuildTensor(args: Args, context: CallContext): TorchTensor {
  const storage = storageOf(args[0]);
  if (storage.traits === null) refuse('pickle: a tensor without a dtype on an untyped storage');
  return tensorOn(storage, storage.traits, args, context);
}

/** `_rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, hooks, dtype)`: newer dtypes. */
export function rebuildTensorV3(args: Args, context: CallContext): TorchTensor {
  const storage = storageOf(args[0]);
  const dtype = args[6] instanceof PickleGlobal ? args[6].dtype : undefined;
  if (dtype === undefined) refuse(`pickle: _rebuild_tensor_v3 with ${describe(args[6])} for a dtype`);
  if (storage.traits !== null && storage.traits !== dtype) {
    refuse(`pickle: a ${dtype.dtype} tensor on a storage of ${storage.traits.dtype}`);
  }
  return tensorOn(storage, dtype, args, context);
}

/** `_rebuild_parameter(data, requires_grad, hooks)`, with or without a state: the tensor itself. */
export function rebuildParameter(args: Args): TorchTensor {
  const data = args[0];
  if (!(data instanceof TorchTensor)) refuse(`pickle: _rebuild_parameter of ${describe(data)}`);
  return data;
}

/** `_rebuild_from_type_v2(function, type, args, state)`: a tensor with attributes. One level: no calls of calls. */
export function rebuildFromType(args: Args, context: CallContext): PickleValue {
  const [callable, type, inner] = args;
  const isTensorType =
    type instanceof PickleGlobal &&
    (type.name === 'torch.Tensor' || type.name === 'torch.nn.parameter.Parameter');
  if (!isTensorType) refuse(`pickle: _rebuild_from_type_v2 makes ${describe(type)}, which is refused`);
  const call = callable instanceof PickleGlobal ? callable.call : undefined;
  if (call !== rebuildTensor && call !== rebuildTensorV3 && call !== rebuildParameter) {
    refuse(`pickle: _rebuild_from_type_v2 would call ${describe(callable)}`);
  }
  if (!(inner instanceof PickleTuple)) refuse(`pickle: _rebuild_from_type_v2 with ${describe(inner)}`);
  return call(inner.items, context);
}

function tensorOn(storage: TorchStorage, traits: DTypeTraits, args: Args, context: CallContext): TorchTensor {
  const offset = naturalOf(args[1], 'storage offset');
  const shape = naturalsOf(args[2], 'size');
  const strides = naturalsOf(args[3], 'stride');
  if (shape.length !== strides.length) {
    refuse(`pickle: a tensor of size [${shape.join(', ')}] with stride [${strides.join(', ')}]`);
  }
  context.charge(shape.length + strides.length);
  byteLengthOf(shape, traits.bytes, 'a tensor');
  // Both in bytes, because an untyped storage counts bytes.
  const reach = reachOf({ shape, strides, offset });
  const available = storage.length * storage.elementBytes;
  if (reach * traits.bytes > available) {
    refuse(
      `pickle: a ${traits.dtype} tensor of size [${shape.join(', ')}], stride [${strides.join(', ')}], offset ${offset} ` +
        `reaches past the ${available} bytes of storage ${JSON.stringify(storage.key)}`,
    );
  }
  return new TorchTensor(storage, traits, shape, strides, storage.start + offset);
}

function storageOf(value: PickleValue | undefined): TorchStorage {
  if (!(value instanceof TorchStorage)) refuse(`pickle: a tensor on ${describe(value)} instead of a storage`);
  return value;
}

/** A size, stride, offset or count: whole, not negative, exact. */
export function naturalOf(value: PickleValue | undefined, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    const got = typeof value === 'number' || typeof value === 'bigint' ? String(value) : describe(value);
    refuse(`pickle: a tensor's ${what} is ${got}, not a whole number from 0 to 2^53`);
  }
  return value;
}

function naturalsOf(value: PickleValue | undefined, what: string): number[] {
  if (!(value instanceof PickleTuple))
    refuse(`pickle: a tensor's ${what} is ${describe(value)}, not a tuple`);
  if (value.items.length > MAX_RANK) refuse(`pickle: a tensor of ${value.items.length} dimensions`);
  return value.items.map((item) => naturalOf(item, what));
}
