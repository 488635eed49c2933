import {
  type Ceiling,
  ceilingIn,
  type EngineInfo,
  type Precision,
  type Results,
  type ResultsKind,
} from '../../results/index.ts';

/** A results file and what to call it. */
export interface Source {
  readonly name: string;
  readonly results: Results;
}

type OfKind<Kind extends ResultsKind> = Extract<Results, { kind: Kind }>;

/** A row of a results file with the run that it comes from. */
export interface Row<Kind extends ResultsKind, Value> {
  readonly value: Value;
  readonly run: OfKind<Kind>;
}

/** A row that two files have: what it was, and what it is. */
export interface Repeated<Kind extends ResultsKind, Value> {
  readonly before: Row<Kind, Value>;
  readonly after: Row<Kind, Value>;
}

/**
 * The rows of all files of a kind. Files may each hold a part, such as one thread count; where several have the same
 * row the last file counts, and the pair of the last two is what changed.
 */
export function gather<Kind extends ResultsKind, Value>(
  sources: readonly Source[],
  kind: Kind,
  rowsOf: (run: OfKind<Kind>) => readonly Value[],
  keyOf: (value: Value) => string,
): { readonly rows: Row<Kind, Value>[]; readonly repeated: Repeated<Kind, Value>[] } {
  const rows = new Map<string, Row<Kind, Value>>();
  const repeated = new Map<string, Repeated<Kind, Value>>();
  for (const { results } of sources) {
    if (results.kind !== kind) continue;
    const run = results as OfKind<Kind>;
    for (const value of rowsOf(run)) {
      const key = keyOf(value);
      const after = { value, run };
      const before = rows.get(key);
      if (before !== undefined) repeated.set(key, { before, after });
      rows.set(key, after);
    }
  }
  return { rows: [...rows.values()], repeated: [...repeated.values()] };
}

/** Items in groups, both in the order in which they come. */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

export function engineOf(run: { readonly engines: readonly EngineInfo[] }, id: string): EngineInfo {
  return run.engines.find((engine) => engine.id === id) ?? { id, label: id, kind: 'rival' };
}

/** All engines of some runs, each once, ours first. */
export function enginesOf(runs: readonly { readonly engines: readonly EngineInfo[] }[]): EngineInfo[] {
  const engines = new Map(runs.flatMap((run) => run.engines.map((engine) => [engine.id, engine])));
  return [...engines.values()].sort((a, b) => Number(a.kind === 'rival') - Number(b.kind === 'rival'));
}

export function ceilingOf(
  run: { readonly ceilings: readonly Ceiling[] },
  { threads, dtype }: { readonly threads: number; readonly dtype?: Precision },
): Ceiling | undefined {
  const found = run.ceilings.find((ceiling) => ceiling.threads === threads);
  return found && ceilingIn(found, dtype);
}
