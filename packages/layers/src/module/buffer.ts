import { ArgumentError } from '@fusor/errors';
import { Tensor } from '@fusor/native';
import { show } from '../arguments.ts';

/** What is known of a buffer besides its value. */
export interface BufferOptions {
  /** `false` keeps it out of the state dict, as in `register_buffer(persistent=False)`. Default `true`. */
  readonly persistent?: boolean;
}

// Whether a tensor is a buffer is a property of the tensor, so that a field needs no declaration beside its value.
const BUFFERS = new WeakMap<Tensor, Required<BufferOptions>>();

/**
 * Marks a tensor as a buffer: state that a module carries, saves and moves, but that is not a parameter (running
 * statistics, position tables). Returns the same tensor.
 *
 * ```ts
 * this.running_mean = buffer(Tensor.zeros([features]));
 * ```
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer
 */
export function buffer<T extends Tensor>(tensor: T, options: BufferOptions = {}): T {
  if (!(tensor instanceof Tensor)) throw new ArgumentError(`buffer: expected a Tensor, got ${show(tensor)}`);
  BUFFERS.set(tensor, { persistent: options.persistent ?? true });
  return tensor;
}

/** How a tensor was marked by {@link buffer}; undefined for a parameter. */
export function bufferOptions(tensor: Tensor): Required<BufferOptions> | undefined {
  return BUFFERS.get(tensor);
}
