import { BatchNorm2d, type Module } from '@fusor/layers';
import { Tensor } from '@fusor/native';

/**
 * Gives every batch-norm of a network statistics, weights and biases of its own, as training would, so that a mistake in
 * folding or ordering them shows; fresh ones are the identity.
 *
 * Variances lie in [0.5, 1.5], means and biases within ±0.2, weights in [0.5, 1.5]; the last norm of a residual branch
 * weighs a fifth of that, so that the sum over 50 blocks keeps its size. The same `seed` gives the same numbers.
 */
export function randomizeNorms(model: Module, seed = 1): void {
  const random = generator(seed);
  const modules = model.modules();
  const last = new Set(modules.filter(endsInNorm).map((block) => block.lastNorm));
  for (const norm of modules) {
    if (!(norm instanceof BatchNorm2d)) continue;
    const scale = last.has(norm) ? 0.2 : 1;
    const fill = (tensor: Tensor | null, low: number, high: number) => {
      if (tensor === null) return;
      using values = Tensor.from(uniform(random, norm.features, low, high));
      tensor.assign(values);
    };
    fill(norm.running_mean, -0.2, 0.2);
    fill(norm.running_var, 0.5, 1.5);
    fill(norm.weight, 0.5 * scale, 1.5 * scale);
    fill(norm.bias, -0.2, 0.2);
  }
}

function endsInNorm<T extends object>(module: T): module is T & { readonly lastNorm: unknown } {
  return 'lastNorm' in module;
}

/** `count` numbers from `low` to `high`. */
export function uniform(
  random: () => number,
  count: number,
  low: number,
  high: number,
): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, () => low + (high - low) * random());
}

/**
 * Numbers in [0, 1) that look random and are the same everywhere: mulberry32, a counter through a mixing function
 * (https://gist.github.com/tommyettinger/46a874533244883189143505d203312c).
 */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
