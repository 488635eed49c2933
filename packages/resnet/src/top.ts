import { ShapeError } from '@fusor/errors';

/** A class that an image may belong to. */
export interface Prediction {
  /** Its name. */
  readonly label: string;
  /** Its place among the outputs of the network. */
  readonly index: number;
  /** Softmax over all outputs: from 0 to 1. */
  readonly probability: number;
}

/**
 * The `top` most probable classes of each row of logits `[n, classes]`, most probable first; equals stay in the order
 * of their indices.
 */
export function topPredictions(
  logits: Float32Array,
  classes: number,
  labels: readonly string[],
  top: number,
): Prediction[][] {
  if (classes < 1 || logits.length % classes !== 0) {
    throw new ShapeError(`classify: ${logits.length} logits are no rows of ${classes} classes`);
  }
  return Array.from({ length: logits.length / classes }, (_, row) => {
    const probabilities = softmax(logits.subarray(row * classes, (row + 1) * classes));
    const order = Array.from({ length: classes }, (_, index) => index);
    order.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
    return order
      .slice(0, top)
      .map((index) => ({ label: labels[index]!, index, probability: probabilities[index]! }));
  });
}

/** exp(x - max) / Σ exp(x - max), in f64: the largest exponent is 0, so nothing overflows. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const result = Float64Array.from(logits);
  const largest = result.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = Math.exp(result[i]! - largest);
    sum += result[i]!;
  }
  return result.map((value) => value / sum);
}
