// Inputs of device tests, told by a few numbers. Floats are multiples of 1/16 between -8 and 8: f16 and bf16 hold them as
// exactly as f32 does, so that one recorded result serves every dtype.

/**
 * `{ shape, low, high, seed, dtype }` as an array, in f32: numbers of a fixed stream, equal on every machine (a linear
 * congruential generator in 32-bit integers). dtypes of integers get integers.
 */
export function values({ shape, low, high, seed, dtype = 'f32' }) {
  const count = shape.reduce((product, size) => product * size, 1);
  const step = dtype === 'f32' ? 1 / 16 : 1;
  const choices = Math.round((high - low) / step) + 1;
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + Math.floor((state / 2 ** 32) * choices) * step;
  });
}
