import { ArgumentError } from '@fusor/errors';
import { ops, type Tensor } from '@fusor/native';
import { checkInteger, repr, show } from '../arguments.ts';
import { Module } from '../module/module.ts';

/** Sizes of the output: one for both, or `[height, width]`, where null keeps the size of the input. */
export type AdaptiveSize = number | readonly [height: number | null, width: number | null];

/**
 * Means over windows chosen so that the output has a given size: window i of o covers ⌊i·h / o⌋ to ⌈(i + 1)·h / o⌉.
 * x [n, c, h, w] or [c, h, w].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
 */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: readonly [number | null, number | null];

  constructor(outputSize: AdaptiveSize) {
    super();
    this.outputSize = checkSize('AdaptiveAvgPool2d', outputSize);
  }

  override extraRepr(): string {
    return repr([], { outputSize: this.outputSize });
  }

  override forward(x: Tensor): Tensor {
    return ops.adaptiveAvgPool2d(x, this.outputSize);
  }
}

/**
 * The greatest elements of the windows of {@link AdaptiveAvgPool2d}.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html
 */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: readonly [number | null, number | null];

  constructor(outputSize: AdaptiveSize) {
    super();
    this.outputSize = checkSize('AdaptiveMaxPool2d', outputSize);
  }

  override extraRepr(): string {
    return repr([], { outputSize: this.outputSize });
  }

  override forward(x: Tensor): Tensor {
    return ops.adaptiveMaxPool2d(x, this.outputSize);
  }
}

/**
 * {@link AdaptiveAvgPool2d} of x [n, c, l] or [c, l].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html
 */
export class AdaptiveAvgPool1d extends Module {
  readonly outputSize: number;

  constructor(outputSize: number) {
    super();
    this.outputSize = checkInteger('AdaptiveAvgPool1d', 'outputSize', outputSize, 0);
  }

  override extraRepr(): string {
    return repr([], { outputSize: this.outputSize });
  }

  override forward(x: Tensor): Tensor {
    return ops.adaptiveAvgPool1d(x, this.outputSize);
  }
}

/**
 * {@link AdaptiveMaxPool2d} of x [n, c, l] or [c, l].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool1d.html
 */
export class AdaptiveMaxPool1d extends Module {
  readonly outputSize: number;

  constructor(outputSize: number) {
    super();
    this.outputSize = checkInteger('AdaptiveMaxPool1d', 'outputSize', outputSize, 0);
  }

  override extraRepr(): string {
    return repr([], { outputSize: this.outputSize });
  }

  override forward(x: Tensor): Tensor {
    return ops.adaptiveMaxPool1d(x, this.outputSize);
  }
}

function checkSize(layer: string, size: AdaptiveSize): readonly [number | null, number | null] {
  const pair: readonly (number | null)[] = typeof size === 'number' ? [size, size] : size;
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new ArgumentError(`${layer}: outputSize must be a number or [height, width], got ${show(size)}`);
  }
  const check = (side: number | null): number | null =>
    side === null ? null : checkInteger(layer, 'outputSize', side, 0);
  return [check(pair[0]!), check(pair[1]!)];
}
