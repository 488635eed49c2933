import { ArgumentError } from '@fusor/errors';
import { wrongType } from './check.ts';
import { refuseWhileTracing } from './dispatch.ts';

// The generator is Philox4x32-10, counter based: element i of the stream is a function of (seed, i) alone, so the state is
// the index of the next element. One stream per environment (a worker has its own), not seeded alike by default.
let seed: bigint = crypto.getRandomValues(new BigUint64Array(1))[0]!;
let position = 0n;

/**
 * Starts this environment's random numbers anew. The same seed and calls give the same numbers on every machine with the
 * same number of threads or another. They are not PyTorch's numbers for that seed.
 * @param value a non-negative integer below 2^64
 */
export function manualSeed(value: number | bigint): void {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isSafeInteger(value))) {
    throw wrongType('manualSeed', 'seed', 'an integer', value);
  }
  const exact = BigInt(value);
  if (exact < 0n || exact >= 1n << 64n) {
    throw new ArgumentError(`manualSeed: seed must be from 0 to 2^64 - 1, got ${exact}`);
  }
  seed = exact;
  position = 0n;
}

/** Takes the next `count` elements of the stream. */
export function takeRandom(
  operation: string,
  count: number,
): { readonly seed: bigint; readonly offset: bigint } {
  refuseWhileTracing(`${operation}: random numbers`);
  const offset = position;
  position = BigInt.asUintN(64, position + BigInt(count));
  return { seed, offset };
}
