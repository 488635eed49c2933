import type { Shape, Tensor } from '@fusor/native';
import { kaimingUniform } from './kaiming.ts';
import { uniform } from './random.ts';

/** The first weight of PyTorch's convolutions and linear layers: Kaiming uniform with a = √5, that is ±1/√fanIn. */
export function kaimingUniformRoot5(shape: Shape): Tensor {
  return kaimingUniform(shape, { a: Math.sqrt(5) });
}

/** The first bias of PyTorch's convolutions and linear layers: uniform in ±1/√fanIn. */
export function biasInit(shape: Shape, fanIn: number): Tensor {
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  return uniform(shape, -bound, bound);
}
