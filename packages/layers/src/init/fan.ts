import { ArgumentError, ShapeError } from '@fusor/errors';
import type { Shape } from '@fusor/native';

/** Functions that {@link calculateGain} knows. */
export type Nonlinearity = 'linear' | 'conv2d' | 'sigmoid' | 'tanh' | 'relu' | 'leaky-relu' | 'selu';

/** Whether variance is kept forwards (`'fanIn'`) or backwards (`'fanOut'`). */
export type FanMode = 'fanIn' | 'fanOut';

/**
 * The inputs that one output element sums over, and the outputs that one input element goes to:
 * fanIn = shape[1] · receptive field, fanOut = shape[0] · receptive field.
 * @throws {ShapeError} for fewer than two dimensions
 */
export function calculateFans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2) {
    throw new ShapeError(`init: fans need at least 2 dimensions, got shape [${shape.join(', ')}]`);
  }
  const receptive = shape.slice(2).reduce((product, size) => product * size, 1);
  return { fanIn: shape[1]! * receptive, fanOut: shape[0]! * receptive };
}

/**
 * By how much a nonlinearity shrinks the standard deviation: 1 for linear ones, 5/3 for tanh, √2 for ReLU,
 * √(2 / (1 + a²)) for leaky ReLU with slope a (default 0.01), 3/4 for SELU.
 * https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.calculate_gain
 */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv2d':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leaky-relu':
      return Math.sqrt(2 / (1 + negativeSlope * negativeSlope));
    case 'selu':
      return 3 / 4;
    default:
      throw new ArgumentError(`init: unknown nonlinearity ${String(nonlinearity)}`);
  }
}
