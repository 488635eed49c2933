import { ArgumentError } from '@fusor/errors';
import { ops, type Shape, scope, Tensor } from '@fusor/native';
import { checkNumber } from '../arguments.ts';
import { fill, type InitTarget } from './target.ts';

/** Uniform in [low, high). https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.uniform_ */
export function uniform(target: InitTarget, low = 0, high = 1): Tensor {
  checkNumber('init.uniform', 'low', low);
  checkNumber('init.uniform', 'high', high, low);
  return fill(target, (shape) => Tensor.rand(shape, { low, high }));
}

/** Normal with a mean and standard deviation. https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.normal_ */
export function normal(target: InitTarget, mean = 0, deviation = 1): Tensor {
  checkNumber('init.normal', 'mean', mean);
  checkNumber('init.normal', 'deviation', deviation, 0);
  return fill(target, (shape) => Tensor.randn(shape, { mean, deviation }));
}

/** Options of {@link truncNormal}; the defaults are PyTorch's. */
export interface TruncNormalOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Default 1. */
  readonly deviation?: number;
  /** Least value; default −2. */
  readonly low?: number;
  /** Greatest value; default 2. */
  readonly high?: number;
}

/**
 * Normal, with only values from `low` to `high`: Φ⁻¹ of uniform numbers between Φ of the bounds.
 * https://docs.pytorch.org/docs/stable/nn.init.html#torch.nn.init.trunc_normal_
 */
export function truncNormal(target: InitTarget, options: TruncNormalOptions = {}): Tensor {
  const { mean = 0, deviation = 1, low = -2, high = 2 } = options;
  checkNumber('init.truncNormal', 'mean', mean);
  checkNumber('init.truncNormal', 'deviation', deviation, 0);
  checkNumber('init.truncNormal', 'low', low);
  checkNumber('init.truncNormal', 'high', high, low);
  if (deviation === 0) {
    throw new ArgumentError('init.truncNormal: deviation must be greater than 0');
  }
  // erf(z/√2) = 2Φ(z) − 1 is uniform between its values at the bounds.
  const from = erf((low - mean) / deviation / Math.SQRT2);
  const to = erf((high - mean) / deviation / Math.SQRT2);
  return fill(target, (shape: Shape) =>
    scope(() =>
      erfInverse(Tensor.rand(shape, { low: from, high: to }))
        .mul(deviation * Math.SQRT2)
        .add(mean)
        .clamp(low, high),
    ),
  );
}

/**
 * The error function to 1.2e-7, enough for bounds of f32 numbers.
 *
 * Press et al., Numerical Recipes in C, 2nd edition, §6.2, erfcc.
 */
export function erf(x: number): number {
  const z = Math.abs(x);
  const t = 1 / (1 + z / 2);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  const complement = t * Math.exp(-z * z + polynomial);
  return x >= 0 ? 1 - complement : complement - 1;
}

// Polynomials in w = −ln(1 − x²): the first for w < 5 in w − 2.5, the second in √w − 3; lowest power first.
const CENTRE = [
  1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.00021858087, -4.39150654e-6, -3.5233877e-6,
  3.43273939e-7, 2.81022636e-8,
];
const TAIL = [
  2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773, -0.00367342844, 0.00134934322,
  0.000100950558, -0.000200214257,
];

/**
 * The inverse of the error function, to a few units in the last place of f32.
 *
 * Giles, Approximating the erfinv function, GPU Computing Gems Jade Edition, 2011, single precision version.
 */
function erfInverse(x: Tensor): Tensor {
  // (1 − x)(1 + x) keeps digits that 1 − x² loses near ±1; w is at most ln 2²⁴ for an f32 x within them.
  const w = x.neg().add(1).mul(x.add(1)).log().neg().clamp(0, 17);
  const centre = evaluate(CENTRE, w.sub(2.5));
  const tail = evaluate(TAIL, w.sqrt().sub(3));
  return ops.where(w.lt(5), centre, tail).mul(x);
}

function evaluate(coefficients: readonly number[], x: Tensor): Tensor {
  const [last, ...rest] = coefficients.toReversed();
  return rest.reduce((sum, coefficient) => sum.mul(x).add(coefficient), Tensor.full(x.shape, last!));
}
