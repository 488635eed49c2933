import { Tensor } from '@fusor/native';
import type { Random } from '../oracle/random.ts';
import { anyTensor } from './tensors.ts';

/** Arguments with one or a few of them, or of what is in them, replaced by something that a caller got wrong. */
export function spoil(random: Random, args: readonly unknown[]): unknown[] {
  const spoiled = args.map((argument) => (random.chance(0.4) ? spoilValue(random, argument) : argument));
  if (random.chance(0.05)) spoiled.pop();
  if (random.chance(0.05)) spoiled.push(hostile(random));
  return spoiled;
}

function spoilValue(random: Random, value: unknown): unknown {
  if (Array.isArray(value) && random.chance(0.8)) {
    const at = random.integer(0, value.length);
    if (random.chance(0.2)) return value.slice(0, at);
    return [...value.slice(0, at), hostile(random), ...value.slice(at + random.integer(0, 1))];
  }
  if (isPlainObject(value) && random.chance(0.8)) {
    const keys = [...Object.keys(value), 'nonsense'];
    return { ...value, [random.pick(keys)]: hostile(random) };
  }
  return hostile(random);
}

function hostile(random: Random): unknown {
  switch (random.integer(0, 5)) {
    case 0:
      return anyTensor(random);
    case 1: {
      const disposed = anyTensor(random);
      disposed.dispose();
      return disposed;
    }
    case 2:
      return random.pick([undefined, null, '', 'same', 'relu', {}, [], [[]], true, 1n, Symbol('x'), () => 1]);
    case 3:
      return [random.integer(-2, 4), random.pick([0, 1, 2, Number.NaN, 2 ** 31])];
    default:
      return random.pick([
        0,
        -0,
        1,
        -1,
        2,
        3,
        7,
        1.5,
        -2.5,
        1e-300,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        2 ** 31 - 1,
        2 ** 31,
        -(2 ** 31),
        2 ** 32,
        2 ** 40,
        Number.MAX_SAFE_INTEGER,
        2 ** 63,
        Number.MAX_VALUE,
      ]);
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor);
}
