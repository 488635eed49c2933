/**
 * Tensors to and from native addons of one's own, without a copy. The other side is `fusor/node.h`; see
 * docs/guides/c-api.md and examples/linked-addon.
 */
import { DisposedError } from '@fusor/errors';
import { addon } from './addon/environment.ts';
import { checkTensor, wrongType } from './check.ts';
import { deviceOf } from './device.ts';
import { refuseWhileTracing } from './dispatch.ts';
import { dtypes } from './dtype.ts';
import { eagerTensor, handleOf, type Tensor } from './tensor.ts';

declare const nativeTensorBrand: unique symbol;
/** An object that wraps a tensor of the engine: `fusor_node_get_tensor` reads it. */
export interface NativeTensor {
  readonly [nativeTensorBrand]: true;
}

/**
 * What to give to an addon in place of the tensor. It stays this tensor's: after `dispose()` the addon finds nothing in it. An
 * addon that wants to keep the tensor retains it.
 * @throws DisposedError after `dispose()`
 */
export function exportTensor(tensor: Tensor): NativeTensor {
  checkTensor('exportTensor', 'tensor', tensor);
  refuseWhileTracing('exportTensor');
  const handle = handleOf(tensor);
  if (handle === undefined) throw new DisposedError('exportTensor: tensor was used after dispose()');
  return addon.share(handle) as unknown as NativeTensor;
}

/**
 * A tensor from what an addon made by `fusor_node_create_tensor` (which can be imported once), or another tensor that shares the
 * memory of an exported one.
 * @throws ArgumentError for any other value; DisposedError for what was imported already
 */
export function importTensor(native: NativeTensor): Tensor {
  if (typeof native !== 'object' || native === null) {
    throw wrongType('importTensor', 'native', 'what fusor_node_create_tensor made', native);
  }
  const [handle, dtype, shape, device] = addon.adopt(native);
  return eagerTensor(handle, dtypes[dtype]!, shape, deviceOf(device));
}
