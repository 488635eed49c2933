import { compareDefaults, compareRounds, type Verdict } from '../../compare/timings.ts';
import type { EngineInfo, KernelResult, NetworkResult, StartResult, Timing } from '../../results/index.ts';
import type { Figure, Mark, RatioChart, Section, Series } from '../page/view.ts';
import { counted, dateText, digits, ratioText } from './format.ts';
import { engineOf, type Repeated } from './gather.ts';

const verdicts: Readonly<Record<Verdict, Series>> = {
  faster: { label: 'faster', color: 'faster' },
  slower: { label: 'slower', color: 'slower' },
  noise: { label: 'within the noise', color: 'same' },
};

interface ChangeMark extends Mark {
  readonly engine: EngineInfo;
  readonly verdict: Verdict;
}

interface Change {
  readonly row: string;
  readonly engine: EngineInfo;
  readonly before: Timing;
  readonly after: Timing;
}

/** Rows that two files have: what became faster or slower, and what the spread cannot tell. */
export function changesSection(
  networks: readonly Repeated<'models', NetworkResult>[],
  kernels: readonly Repeated<'kernels', KernelResult>[],
  starts: readonly Repeated<'start', StartResult>[],
): Section | undefined {
  const figures = [
    ...figure(
      'changes-networks',
      'Whole networks',
      timingPairs(
        networks,
        ({ model, batch, threads }) => `${model}, batch ${batch}, ${counted(threads, 'thread')}`,
      ),
    ),
    ...figure(
      'changes-kernels',
      'Single operations',
      timingPairs(
        kernels,
        ({ shape, op, batch, threads }) => `${op} ${shape}, batch ${batch}, ${counted(threads, 'thread')}`,
      ),
    ),
    ...figure(
      'changes-start',
      'Starting up',
      timingPairs(starts, ({ model, threads }) => `${model}, ${counted(threads, 'thread')}`),
    ),
  ];
  const [first] = [...networks, ...kernels, ...starts];
  if (first === undefined || figures.length === 0) return undefined;
  return {
    id: 'changes',
    title: 'What changed',
    paragraphs: [
      `From the run of ${dateText(first.before.run.date)} (Fusor ${first.before.run.fusor.commit ?? first.before.run.fusor.version}) to that of ${dateText(first.after.run.date)} (Fusor ${first.after.run.fusor.commit ?? first.after.run.fusor.version}). A change counts where the rank-sum test of the rounds finds it (p ≤ ${compareDefaults.alpha}) and it is more than ${100 * compareDefaults.threshold}%. The table has the other engines too: they show how much the machine itself changed.`,
    ],
    figures,
  };
}

function timingPairs<
  Kind extends 'models' | 'kernels' | 'start',
  Value extends { readonly engines: readonly Timing[] },
>(repeated: readonly Repeated<Kind, Value>[], nameOf: (value: Value) => string): Change[] {
  return repeated.flatMap(({ before, after }) =>
    after.value.engines.flatMap((timing) => {
      const earlier = before.value.engines.find(({ engine }) => engine === timing.engine);
      if (earlier === undefined) return [];
      const engine = engineOf(after.run, timing.engine);
      return [{ row: nameOf(after.value), engine, before: earlier, after: timing }];
    }),
  );
}

function figure(id: string, title: string, changes: readonly Change[]): Figure[] {
  if (changes.length === 0) return [];
  const marks = changes
    .map((change) => ({ ...change, ...compared(change) }))
    .sort((a, b) => b.median - a.median)
    .map(
      ({ row, engine, before, after, median, lower, upper, verdict }): ChangeMark => ({
        row: engine.id === 'compiled' || engine.kind === 'rival' ? row : `${row}: ${engine.label}`,
        engine,
        series: verdicts[verdict].label,
        median,
        lower,
        upper,
        noisy: before.noisy || after.noisy,
        verdict,
        detail: [
          ['', `${row}: ${engine.label}`],
          ['now', `${ratioText(median)} as fast, ${verdicts[verdict].label}`],
          ['before', `${digits(before.milliseconds.median)} ms`],
          ['after', `${digits(after.milliseconds.median)} ms`],
        ],
      }),
    );
  const chart: RatioChart = {
    kind: 'ratio',
    axis: 'times as fast as before',
    sides: ['slower now', 'faster now'],
    series: Object.values(verdicts).filter(({ label }) =>
      marks.some((mark) => mark.engine.kind === 'fusor' && mark.series === label),
    ),
    marks: marks.filter(({ engine }) => engine.kind === 'fusor'),
  };
  return [
    {
      id,
      title,
      description: `Time before over time now, as all pairs of rounds estimate it. Line: ${100 * (1 - compareDefaults.alpha)}% interval of confidence.`,
      chart,
      table: {
        caption: `${title}: before and now`,
        columns: [
          { title: 'What', align: 'left' },
          { title: 'Engine', align: 'left' },
          { title: 'now', align: 'right' },
          { title: 'between', align: 'right' },
          { title: 'verdict', align: 'left' },
        ],
        rows: marks.map(({ row, engine, median, lower, upper, verdict }) => [
          row,
          engine.label,
          ratioText(median),
          `${lower.toFixed(2)} – ${upper.toFixed(2)}`,
          verdict === 'noise'
            ? { text: 'within the noise', tone: 'noisy' }
            : { text: verdict, tone: verdict === 'faster' ? 'good' : 'bad' },
        ]),
      },
    },
  ];
}

function compared({ before, after }: Change): {
  median: number;
  lower: number;
  upper: number;
  verdict: Verdict;
} {
  const { speed, verdict } = compareRounds(before.rounds, after.rounds);
  return { median: speed.median, lower: speed.lower, upper: speed.upper, verdict };
}
