import { type Shape, Tensor } from '@fusor/native';
import { deferred } from '@fusor/native/trace';

/**
 * What an initializer fills: a shape makes a new f32 tensor on the CPU, a Tensor is filled in place (by `assign`) and
 * returned.
 */
export type InitTarget = Shape | Tensor;

/** Makes the first value of a parameter of some shape. */
export type Initializer = (shape: Shape) => Tensor;

let skipping = 0;

/**
 * Runs `make` with every initializer giving zeros, so that building a network which will be loaded from a file costs
 * no random numbers.
 *
 * ```ts
 * const model = skipInit(() => resnet50());
 * await model.load('resnet50.safetensors');
 * ```
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.skip_init.html
 */
export function skipInit<T>(make: () => T): T {
  skipping += 1;
  try {
    return make();
  } finally {
    skipping -= 1;
  }
}

/** The shape of what is filled. */
export function shapeOf(target: InitTarget): Shape {
  return target instanceof Tensor ? target.shape : target;
}

/**
 * Fills the target with what `make` gives for its shape. New tensors are computed when their elements are first needed,
 * which for a network that is loaded from a file is never. Inside {@link skipInit} they are zeros.
 */
export function fill(target: InitTarget, make: Initializer): Tensor {
  if (!(target instanceof Tensor))
    return deferred(() => (skipping > 0 ? Tensor.zeros(target) : make(target)));
  const made = make(target.shape);
  let value = made;
  if (value.device !== target.device) value = value.to(target.device);
  if (value.dtype !== target.dtype) value = value.to(target.dtype);
  target.assign(value);
  if (value !== made) value.dispose();
  made.dispose();
  return target;
}
