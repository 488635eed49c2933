import { ArgumentError, WeightsError } from '@fusor/errors';
import { Tensor } from '@fusor/native';
import { moveInto } from '@fusor/native/trace';
import type { TensorRecord, WeightsDType } from '@fusor/weights';
import { tensorOf } from './convert.ts';
import { type NamedTensorField, walkTensors } from './fields.ts';
import type { AnyModule } from './module.ts';

/** What `loadStateDict` takes: names to Tensors or to arrays with their dtype and shape. */
export type StateDictLike =
  | ReadonlyMap<string, Tensor | TensorRecord>
  | Readonly<Record<string, Tensor | TensorRecord>>;

/** What a load that did not throw left over. Both lists are empty after a strict one. */
export interface LoadReport {
  /** Names that the module has and the dict lacks. */
  readonly missing: readonly string[];
  /** Names that the dict has and the module lacks. */
  readonly unexpected: readonly string[];
}

/** A tensor of a dict as far as matching needs it. */
export interface EntryInfo {
  readonly dtype: WeightsDType;
  readonly shape: readonly number[];
}

/** A dict laid over a module: which entry goes where. */
export interface Match {
  readonly assignments: readonly { readonly name: string; readonly target: Tensor }[];
  readonly report: LoadReport;
}

/**
 * Finds the module's tensor for every entry of a dict, before anything is changed.
 * @throws {WeightsError} listing everything that does not fit: in strict mode missing and unexpected names, and
 * always shapes that differ
 */
export function matchEntries(
  module: AnyModule,
  entries: ReadonlyMap<string, EntryInfo>,
  strict: boolean,
): Match {
  const fields = walkTensors(module).filter((field) => field.persistent);
  const known = new Set(fields.map((field) => field.name));
  const missing = fields
    .filter(({ name }) => !entries.has(name) && !isBatchCounter(name))
    .map(({ name }) => name);
  const unexpected = [...entries.keys()].filter((name) => !known.has(name));
  const misshapen: string[] = [];
  const assignments: { name: string; target: Tensor }[] = [];
  for (const field of fields) {
    const entry = entries.get(field.name);
    if (entry === undefined) continue;
    if (!sameElements(entry.shape, field)) {
      misshapen.push(`${field.name} is ${brackets(entry.shape)}, expected ${brackets(field.tensor.shape)}`);
    }
    assignments.push({ name: field.name, target: field.tensor });
  }
  const complaints = [
    ...(strict ? [complaint('missing', missing), complaint('unexpected', unexpected)] : []),
    complaint('wrong shape', misshapen),
  ].filter((text) => text !== '');
  if (complaints.length > 0) {
    throw new WeightsError(
      `the state dict does not fit ${module.constructor.name}:\n${complaints.join('\n')}`,
    );
  }
  return { assignments, report: { missing, unexpected } };
}

/** Checkpoints from before PyTorch 0.4.1 lack the counter, and inference never needs it. */
function isBatchCounter(name: string): boolean {
  return name === 'num_batches_tracked' || name.endsWith('.num_batches_tracked');
}

/** Equal shapes; or one element in [1] for a scalar, as old checkpoints store scalars. */
function sameElements(shape: readonly number[], field: NamedTensorField): boolean {
  const expected = field.tensor.shape;
  if (expected.length === 0 && shape.length === 1 && shape[0] === 1) return true;
  return shape.length === expected.length && shape.every((size, index) => size === expected[index]);
}

function complaint(what: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `  ${what} (${items.length}): ${items.join(', ')}`;
}

function brackets(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** The body of `Module.loadStateDict`. */
export function loadDict(module: AnyModule, dict: StateDictLike, strict: boolean): LoadReport {
  const entries = entriesOf(dict);
  const { assignments, report } = matchEntries(module, entries, strict);
  const staged: Staged[] = [];
  try {
    for (const { name, target } of assignments) {
      const entry = entries.get(name)!;
      if (entry instanceof Tensor) {
        staged.push(stageTensor(entry, target));
      } else {
        staged.push({ target, source: tensorOf(name, entry, target), owned: true, moves: true });
      }
    }
    assignAll(staged);
  } finally {
    disposeAll(staged);
  }
  return report;
}

function entriesOf(dict: StateDictLike): Map<string, Tensor | TensorRecord> {
  if (typeof dict !== 'object' || dict === null) {
    throw new ArgumentError(`loadStateDict: expected a Map or record of tensors, got ${typeof dict}`);
  }
  const entries = new Map(dict instanceof Map ? dict : Object.entries(dict));
  for (const [name, entry] of entries) {
    if (entry instanceof Tensor) continue;
    if (typeof entry !== 'object' || entry === null || !Array.isArray(entry.shape) || !('data' in entry)) {
      throw new ArgumentError(
        `loadStateDict: ${JSON.stringify(name)} must be a Tensor or { dtype, shape, data }`,
      );
    }
  }
  return entries;
}

/** A value ready to be copied into a module's tensor. */
export interface Staged {
  readonly target: Tensor;
  readonly source: Tensor;
  /** Whether `source` was made for this load and is to be freed after it. */
  readonly owned: boolean;
  /** Whether nobody else can see its elements, so that they need not be copied. */
  readonly moves: boolean;
}

function stageTensor(entry: Tensor, target: Tensor): Staged {
  let source = entry;
  for (const step of [
    (tensor: Tensor): Tensor => (tensor.device === target.device ? tensor : tensor.to(target.device)),
    (tensor: Tensor): Tensor => (tensor.dtype === target.dtype ? tensor : tensor.to(target.dtype)),
    (tensor: Tensor): Tensor =>
      tensor.shape.length === target.shape.length ? tensor : tensor.reshape([...target.shape]),
  ]) {
    const next = step(source);
    if (next !== source && source !== entry) source.dispose();
    source = next;
  }
  // A reshaped source looks at the caller's elements.
  return { target, source, owned: source !== entry, moves: false };
}

/** Puts every staged value where it belongs. Queues work only: the values may be freed straight after. */
export function assignAll(staged: readonly Staged[]): void {
  for (const { target, source, moves } of staged) {
    if (moves) moveInto(target, source);
    else target.assign(source);
  }
}

/** Frees what was made for a load. */
export function disposeAll(staged: readonly Staged[]): void {
  for (const { source, owned } of staged) if (owned) source.dispose();
}
