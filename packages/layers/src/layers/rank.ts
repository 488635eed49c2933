import { ShapeError } from '@fusor/errors';
import type { Tensor } from '@fusor/native';

/** The error of an input whose dimensions a layer does not take. */
export function rankError(layer: string, expected: string, x: Tensor): ShapeError {
  return new ShapeError(`${layer}: expected an input ${expected}, got [${x.shape.join(', ')}]`);
}
