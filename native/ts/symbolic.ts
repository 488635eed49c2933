import type { Tracer } from './dispatch.ts';
import { symbolicTensor as makeSymbolic, symbolOf, type Tensor } from './tensor.ts';
import type { Device, DType, Shape } from './types.ts';

export { retain } from './tensor.ts';

/**
 * A tensor that stands for a value of a graph under construction. `shape` and `dtype` are plain data as ever; `data()` and
 * `item()` throw TraceError.
 * @param value the tracer's number for the value, to be read back with {@link symbolicValue}
 */
export function symbolicTensor(
  tracer: Tracer,
  spec: { readonly dtype: DType; readonly shape: Shape; readonly device?: Device | undefined },
  value: number,
): Tensor {
  return makeSymbolic(tracer, spec, value);
}

/** The number given to {@link symbolicTensor}; undefined for a real tensor. */
export function symbolicValue(tensor: Tensor): number | undefined {
  return symbolOf(tensor)?.value;
}

export function isSymbolic(tensor: Tensor): boolean {
  return symbolOf(tensor) !== undefined;
}
