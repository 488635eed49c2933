import { ArgumentError } from '@fusor/errors';
import type { MissingEngine } from '../results/types.ts';
import { type Found, isMissing, type ModelRival } from './model-rival.ts';
import { findOnnxModelRival } from './onnx-model.ts';
import { findPyTorch } from './pytorch.ts';
import { findTfjs } from './tfjs/find.ts';

const finders: Readonly<Record<string, () => Promise<Found>>> = {
  onnxruntime: findOnnxModelRival,
  tfjs: findTfjs,
  pytorch: findPyTorch,
};

/** The engines that whole networks can be compared with. */
export const modelRivals: readonly string[] = Object.keys(finders);

/** Rivals that are there, and why the others are not. */
export interface FoundRivals {
  readonly rivals: readonly ModelRival[];
  readonly missing: readonly MissingEngine[];
  close(): Promise<void>;
}

/**
 * Looks for rivals by name; the first is the one that headlines are about.
 * @throws ArgumentError for a name that is none of `modelRivals`
 */
export async function findModelRivals(names: readonly string[]): Promise<FoundRivals> {
  const unknown = names.find((name) => !Object.hasOwn(finders, name));
  if (unknown !== undefined) {
    throw new ArgumentError(`--rivals ${unknown}: there is ${modelRivals.join(', ')}`);
  }
  const found = await Promise.all([...new Set(names)].map((name) => finders[name]!()));
  const rivals = found.filter((entry): entry is ModelRival => !isMissing(entry));
  return {
    rivals,
    missing: found.flatMap((entry) => (isMissing(entry) ? [entry.missing] : [])),
    close: async () => {
      await Promise.all(rivals.map((rival) => rival.close()));
    },
  };
}
