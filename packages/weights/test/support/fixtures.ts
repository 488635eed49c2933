import { readFile } from 'node:fs/promises';
import type { StateDict, TensorRecord } from '@fusor/weights';
import { expect } from 'vitest';

/** What a JSON file beside the golden files says of a tensor; written by torch_cases.py. */
export interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly hex: string;
}

export function fixture(name: string): URL {
  return new URL(`../fixtures/${name}`, import.meta.url);
}

export async function bytesOf(name: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(fixture(name)));
}

export async function expectedIn(file: URL | string): Promise<Map<string, Expected>> {
  return new Map(Object.entries(JSON.parse(await readFile(file, 'utf8')) as Record<string, Expected>));
}

export function hexOf(record: TensorRecord): string {
  return Buffer.from(record.data.buffer, record.data.byteOffset, record.data.byteLength).toString('hex');
}

/** Names in order, dtypes, shapes and every byte. */
export function expectSame(dict: StateDict, expected: ReadonlyMap<string, Expected>): void {
  expect([...dict.keys()]).toEqual([...expected.keys()]);
  for (const [name, { dtype, shape, hex }] of expected) {
    const record = dict.get(name)!;
    expect({ name, dtype: record.dtype, shape: record.shape }).toEqual({ name, dtype, shape });
    // Compared as booleans: a diff of megabytes of hex helps nobody.
    expect({ name, same: hexOf(record) === hex }).toEqual({ name, same: true });
  }
}
