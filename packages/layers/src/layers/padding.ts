import { ArgumentError } from '@fusor/errors';
import { ops, type Tensor } from '@fusor/native';
import { checkInteger, checkNumber, repr, show } from '../arguments.ts';
import { Module } from '../module/module.ts';

/** One number for all sides, or each. Negative numbers cut off. */
export type Sides2d = number | readonly [left: number, right: number, top: number, bottom: number];

abstract class Pad2d extends Module {
  readonly padding: readonly [left: number, right: number, top: number, bottom: number];

  constructor(padding: Sides2d) {
    super();
    const sides: readonly number[] =
      typeof padding === 'number' ? [padding, padding, padding, padding] : padding;
    if (!Array.isArray(sides) || sides.length !== 4) {
      throw new ArgumentError(
        `${this.constructor.name}: padding must be a number or [left, right, top, bottom], got ${show(padding)}`,
      );
    }
    const [left, right, top, bottom] = sides.map((side: number) =>
      checkInteger(this.constructor.name, 'padding', side, Number.MIN_SAFE_INTEGER),
    );
    this.padding = [left!, right!, top!, bottom!];
  }

  override extraRepr(): string {
    return repr([this.padding]);
  }
}

/** Zeros around the last two dimensions. https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad2d.html */
export class ZeroPad2d extends Pad2d {
  override forward(x: Tensor): Tensor {
    return ops.pad(x, this.padding);
  }
}

/** One value around the last two dimensions. https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad2d.html */
export class ConstantPad2d extends Pad2d {
  readonly value: number;

  constructor(padding: Sides2d, value: number) {
    super(padding);
    this.value = checkNumber('ConstantPad2d', 'value', value);
  }

  override extraRepr(): string {
    return repr([this.padding], { value: this.value });
  }

  override forward(x: Tensor): Tensor {
    return ops.pad(x, this.padding, { value: this.value });
  }
}

/**
 * The last two dimensions mirrored at their edges, which are not repeated.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad2d.html
 */
export class ReflectionPad2d extends Pad2d {
  override forward(x: Tensor): Tensor {
    return ops.pad(x, this.padding, { mode: 'reflect' });
  }
}

/**
 * The edges of the last two dimensions repeated.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad2d.html
 */
export class ReplicationPad2d extends Pad2d {
  override forward(x: Tensor): Tensor {
    return ops.pad(x, this.padding, { mode: 'replicate' });
  }
}
