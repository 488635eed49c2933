import { ShapeError } from '@fusor/errors';
import { scope, type Tensor } from '@fusor/native';
import { checkInteger, checkShape, repr } from '../arguments.ts';
import { Module } from '../module/module.ts';

/**
 * Makes one dimension of the dimensions from `startDim` to `endDim` (both included; negative ones count from the last):
 * by default x [n, …] → [n, product of the rest].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html
 */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = checkInteger('Flatten', 'startDim', startDim, Number.MIN_SAFE_INTEGER);
    this.endDim = checkInteger('Flatten', 'endDim', endDim, Number.MIN_SAFE_INTEGER);
  }

  override extraRepr(): string {
    return repr([], { startDim: this.startDim, endDim: this.endDim });
  }

  override forward(x: Tensor): Tensor {
    return x.flatten(this.startDim, this.endDim);
  }
}

/**
 * Makes several dimensions of one: the inverse of {@link Flatten}. One of `sizes` may be −1.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html
 */
export class Unflatten extends Module {
  readonly dim: number;
  readonly sizes: readonly number[];

  constructor(dim: number, sizes: readonly number[]) {
    super();
    this.dim = checkInteger('Unflatten', 'dim', dim, Number.MIN_SAFE_INTEGER);
    this.sizes = checkShape('Unflatten', 'sizes', sizes, -1);
  }

  override extraRepr(): string {
    return repr([], { dim: this.dim, sizes: this.sizes });
  }

  override forward(x: Tensor): Tensor {
    return x.unflatten(this.dim, this.sizes);
  }
}

/**
 * Makes an image of r times the size of groups of r² channels: [..., c·r², h, w] → [..., c, h·r, w·r].
 *
 * Shi et al., Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
 * network, https://arxiv.org/abs/1609.05158;
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.PixelShuffle.html
 */
export class PixelShuffle extends Module {
  readonly factor: number;

  constructor(factor: number) {
    super();
    this.factor = checkInteger('PixelShuffle', 'factor', factor);
  }

  override extraRepr(): string {
    return repr([], { factor: this.factor });
  }

  override forward(x: Tensor): Tensor {
    const r = this.factor;
    const [channels = 0, h = 0, w = 0] = x.shape.slice(-3);
    if (x.rank < 3 || channels % (r * r) !== 0) {
      throw new ShapeError(
        `PixelShuffle: expected an input [..., c · ${r * r}, h, w], got [${x.shape.join(', ')}]`,
      );
    }
    const outer = x.shape.slice(0, -3);
    const c = channels / (r * r);
    return scope(() =>
      x
        .reshape([-1, c, r, r, h, w])
        .permute([0, 1, 4, 2, 5, 3])
        .reshape([...outer, c, h * r, w * r]),
    );
  }
}
