import { ArgumentError } from '@fusor/errors';
import type { Source } from '../report/sections/gather.ts';
import {
  type EngineInfo,
  type Envelope,
  resultsVersion,
  type Spread,
  type Timing,
} from '../results/index.ts';
import { spread } from '../timing/statistics.ts';
import { enginesIn, measuredRows } from './rows.ts';
import {
  type CompareOptions,
  type Comparison,
  compareDefaults,
  compareRounds,
  relativeRounds,
} from './timings.ts';

export interface ComparedRow extends Comparison {
  readonly row: string;
  readonly engine: EngineInfo;
  /** Milliseconds; with `against`, multiples of the other engine's time. */
  readonly before: Spread;
  readonly after: Spread;
  /** One of the two was too noisy by the standard of its file. */
  readonly noisy: boolean;
}

/** One of two results files that are compared. */
export type ComparedRun = Pick<Envelope, 'date' | 'fusor' | 'command' | 'rounds'> & { readonly file: string };

/** Everything that `fusor-bench compare` finds out, and what its `--json` writes. */
export interface ComparisonReport {
  readonly format: 'fusor-bench';
  readonly version: typeof resultsVersion;
  readonly kind: 'comparison';
  readonly before: ComparedRun;
  readonly after: ComparedRun;
  readonly alpha: number;
  readonly threshold: number;
  /** The engine whose time is the unit; absent where times themselves are compared. */
  readonly against?: string;
  readonly rows: readonly ComparedRow[];
  /** Rows that only one of the files has. */
  readonly onlyBefore: readonly string[];
  readonly onlyAfter: readonly string[];
  /** What makes the comparison doubtful. */
  readonly warnings: readonly string[];
}

/**
 * Compares two results files row by row and engine by engine.
 * @param options.against id of an engine, such as `onnxruntime`: compares times as multiples of its time in the same round
 * @throws ArgumentError if the files have no row in common, or none with that engine
 */
export function compareResults(
  before: Source,
  after: Source,
  options: CompareOptions & { readonly against?: string } = {},
): ComparisonReport {
  const { alpha = compareDefaults.alpha, threshold = compareDefaults.threshold, against } = options;
  const [was, is] = [measuredRows(before.results), measuredRows(after.results)];
  const earlier = new Map(was.map((row) => [row.key, row]));
  const later = new Set(is.map(({ key }) => key));
  const engines = new Map(enginesIn(after.results).map((engine) => [engine.id, engine]));
  const rows = is.flatMap(({ key, name, timings }) => {
    const old = earlier.get(key)?.timings ?? [];
    return timings.flatMap((timing): ComparedRow[] => {
      const first = old.find(({ engine }) => engine === timing.engine);
      if (first === undefined || timing.engine === against) return [];
      const rounds = [roundsOf(first, old, against), roundsOf(timing, timings, against)] as const;
      if (rounds[0].length === 0 || rounds[1].length === 0) return [];
      return [
        {
          row: name,
          engine: engines.get(timing.engine) ?? { id: timing.engine, label: timing.engine, kind: 'rival' },
          before: spread(rounds[0]),
          after: spread(rounds[1]),
          noisy: first.noisy || timing.noisy,
          ...compareRounds(rounds[0], rounds[1], { alpha, threshold }),
        },
      ];
    });
  });
  if (rows.length === 0) {
    const what = against === undefined ? 'no row in common' : `no row in common with engine ${against}`;
    throw new ArgumentError(`${before.name} and ${after.name} have ${what}: nothing to compare`);
  }
  return {
    format: 'fusor-bench',
    version: resultsVersion,
    kind: 'comparison',
    before: runOf(before),
    after: runOf(after),
    alpha,
    threshold,
    ...(against === undefined ? {} : { against }),
    rows,
    onlyBefore: was.filter(({ key }) => !later.has(key)).map(({ name }) => name),
    onlyAfter: is.filter(({ key }) => !earlier.has(key)).map(({ name }) => name),
    warnings: [...differences(before, after), ...drift(rows, against)],
  };
}

function roundsOf(timing: Timing, row: readonly Timing[], against: string | undefined): readonly number[] {
  if (against === undefined) return timing.rounds;
  const rival = row.find(({ engine }) => engine === against);
  return rival === undefined ? [] : relativeRounds(timing, rival);
}

function runOf({ name, results: { date, fusor, command, rounds } }: Source): ComparedRun {
  return { file: name, date, fusor, command, rounds };
}

/** Differences of the machines, which say more about changed times than Fusor does. */
function differences({ results: before }: Source, { results: after }: Source): string[] {
  const pairs = [
    ['processor', before.machine.processor, after.machine.processor],
    ['logical cores', before.machine.logicalCores, after.machine.logicalCores],
    ['Node', before.machine.node, after.machine.node],
    ['device', before.device.id, after.device.id],
    ['instruction set', before.device.instructionSet, after.device.instructionSet],
  ] as const;
  const warnings = pairs
    .filter(([, was, is]) => was !== is)
    .map(([name, was, is]) => `not the same ${name}: ${was} before, ${is} after`);
  for (const [when, { load }] of [
    ['before', before],
    ['after', after],
  ] as const) {
    const cores = load.during?.meanCores ?? 0;
    if (cores > 0.1) warnings.push(`other processes used ${cores.toFixed(2)} cores in the run ${when}`);
  }
  return warnings;
}

/** Rivals do not change with Fusor: when they do, the machine did. */
function drift(rows: readonly ComparedRow[], against: string | undefined): string[] {
  const rivals = rows.filter(({ engine, verdict }) => engine.kind === 'rival' && verdict !== 'noise');
  const all = rows.filter(({ engine }) => engine.kind === 'rival');
  if (against !== undefined || rivals.length === 0) return [];
  const mean = Math.exp(all.reduce((sum, { speed }) => sum + Math.log(speed.median), 0) / all.length);
  const hint = all[0]!.engine.id;
  return [
    `other engines changed too, in ${rivals.length} of ${all.length} rows, by ${mean.toFixed(2)}× in the mean: the machine is not what it was; --against ${hint} takes that out`,
  ];
}

/** Whether something of Fusor's is slower than it was. */
export function somethingSlower({ rows }: ComparisonReport): boolean {
  return rows.some(({ engine, verdict }) => engine.kind === 'fusor' && verdict === 'slower');
}
