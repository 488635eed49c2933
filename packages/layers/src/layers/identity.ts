import type { Tensor } from '@fusor/native';
import { Module } from '../module/module.ts';

/**
 * Gives its input: y = x. Takes the place of a layer that is not wanted.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html
 */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
