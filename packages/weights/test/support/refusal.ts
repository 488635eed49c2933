import { WeightsError } from '@fusor/errors';
import { openStateDict, type ReadOptions, readStateDict } from '@fusor/weights';
import { expect } from 'vitest';

/** The text of the WeightsError that reading ends with; anything else that happens fails the test. */
export async function refusal(bytes: Uint8Array, options?: ReadOptions): Promise<string> {
  const error = await readStateDict(bytes, options).then(
    (dict) => new Error(`it was read, with tensors ${[...dict.keys()].join(', ')}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof WeightsError)) throw error;
  return error.message;
}

/** Reads hostile bytes: it ends with tensors no larger than the limit or with a WeightsError, nothing else. */
export async function readsOrRefuses(bytes: Uint8Array): Promise<'read' | 'refused'> {
  try {
    const dict = await readStateDict(bytes);
    let total = 0;
    for (const buffer of new Set([...dict.values()].map(({ data }) => data.buffer)))
      total += buffer.byteLength;
    expect(total).toBeLessThanOrEqual(2 * bytes.length + (1 << 20));
    return 'read';
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    return 'refused';
  }
}

/** The same, tensor by tensor into memory of the caller's. */
export async function readsIntoOrRefuses(bytes: Uint8Array): Promise<'read' | 'refused'> {
  try {
    await using lazy = await openStateDict(bytes);
    for (const [name, { byteLength }] of lazy.tensors) await lazy.readInto(name, new Uint8Array(byteLength));
    return 'read';
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    return 'refused';
  }
}
