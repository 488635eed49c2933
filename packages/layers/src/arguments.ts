import { ArgumentError } from '@fusor/errors';
import type { Pair } from '@fusor/native';

/** @throws {ArgumentError} unless `value` is an integer of at least `least` */
export function checkInteger(layer: string, name: string, value: number, least = 1): number {
  if (!Number.isInteger(value) || value < least) {
    throw new ArgumentError(
      `${layer}: ${name} must be an integer of at least ${least}, got ${String(value)}`,
    );
  }
  return value;
}

/** @throws {ArgumentError} unless `value` is a finite number from `low` to `high` */
export function checkNumber(
  layer: string,
  name: string,
  value: number,
  low: number = Number.NEGATIVE_INFINITY,
  high: number = Number.POSITIVE_INFINITY,
): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < low || value > high) {
    const range =
      low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY
        ? 'a finite number'
        : `a number from ${low} to ${high}`;
    throw new ArgumentError(`${layer}: ${name} must be ${range}, got ${String(value)}`);
  }
  return value;
}

/** A number for both or `[height, width]`, as two checked integers. */
export function checkPair(layer: string, name: string, value: Pair, least = 1): readonly [number, number] {
  const pair: readonly number[] = typeof value === 'number' ? [value, value] : value;
  if (!Array.isArray(pair) || pair.length !== 2) {
    throw new ArgumentError(`${layer}: ${name} must be a number or [height, width], got ${show(value)}`);
  }
  return [checkInteger(layer, name, pair[0]!, least), checkInteger(layer, name, pair[1]!, least)];
}

/** Sizes as PyTorch takes them: one number or several. */
export function checkShape(
  layer: string,
  name: string,
  value: number | readonly number[],
  least = 0,
): readonly number[] {
  const shape = typeof value === 'number' ? [value] : value;
  if (!Array.isArray(shape) || shape.length === 0) {
    throw new ArgumentError(`${layer}: ${name} must be a size or a list of sizes, got ${show(value)}`);
  }
  return shape.map((size: number) => checkInteger(layer, name, size, least));
}

/** What stands between a layer's brackets when printed: required values, then `name=value` of the rest. */
export function repr(positional: readonly unknown[], named: Readonly<Record<string, unknown>> = {}): string {
  const options = Object.entries(named).map(([name, value]) => `${name}=${show(value)}`);
  return [...positional.map(show), ...options].join(', ');
}

/** A value as a reader would type it. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential();
  if (typeof value === 'object' && value !== null) return JSON.stringify(value);
  return String(value);
}

/** The entries of `values` that differ from those of `defaults`. */
export function differing(
  values: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => show(value) !== show(defaults[name])),
  );
}
