import { crc32 } from 'node:zlib';
import type { Module } from '@fusor/layers';

/**
 * Values from a name and a shape, the same as in torch/reference.py: sin(i * step + phase), with the phase from the
 * name, scaled so that activations stay near one.
 */
export function formulaTensor(name: string, shape: readonly number[]): Float32Array {
  const count = shape.reduce((a, b) => a * b, 1);
  const phase = crc32(name) % 1000;
  const [offset, factor] = range(name, shape, count);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = offset + factor * Math.sin(i * 0.7312345 + phase);
  return values;
}

function range(
  name: string,
  shape: readonly number[],
  count: number,
): readonly [offset: number, factor: number] {
  if (name.endsWith('running_var')) return [1, 0.5];
  if (name.endsWith('running_mean') || name.endsWith('bias')) return [0, 0.1];
  return shape.length === 1 ? [0.5, 0.1] : [0, Math.sqrt(4 / (count / shape[0]!))];
}

/** A state dict for the model with the values of `formulaTensor`. */
export function formulaWeights(
  model: Module,
): Map<string, { dtype: 'f32'; shape: readonly number[]; data: Float32Array }> {
  const names = [...model.stateDict()].filter(([name]) => !name.endsWith('num_batches_tracked'));
  return new Map(
    names.map(([name, { shape }]) => [name, { dtype: 'f32', shape, data: formulaTensor(name, shape) }]),
  );
}
