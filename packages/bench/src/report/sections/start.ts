import type { StartResult } from '../../results/index.ts';
import type { Cell, Figure, Headline, Section, StripChart } from '../page/view.ts';
import { bytesText, counted, digits, percent, ratioText, ratioWithSpread, withSpread } from './format.ts';
import { engineOf, groupBy, type Row } from './gather.ts';

export type StartRow = Row<'start', StartResult>;

export function startKey({ model, threads }: StartResult): string {
  return `${model}/${threads}`;
}

const phaseColors = [
  'algorithm-rest',
  'algorithm-7',
  'algorithm-3',
  'algorithm-4',
  'algorithm-1',
  'algorithm-5',
];

/** From the start of the process to the first result, and the memory that it takes. */
export function startSection(rows: readonly StartRow[]): Section | undefined {
  if (rows.length === 0) return undefined;
  return {
    id: 'start',
    title: 'Starting up',
    paragraphs: [
      'A fresh process reads the weights from their file, makes the network ready and runs it once.',
    ],
    figures: [...groupBy(rows, ({ value }) => value.threads)].map(([threads, group]) =>
      figure(threads, group),
    ),
  };
}

function figure(threads: number, rows: readonly StartRow[]): Figure {
  const timings = rows.flatMap(({ value, run }) =>
    value.engines.map((timing) => ({ value, timing, label: engineOf(run, timing.engine).label })),
  );
  const phases = [...new Set(timings.flatMap(({ timing }) => timing.phases.map(({ name }) => name)))];
  const chart: StripChart = {
    kind: 'strip',
    axis: 'ms',
    series: phases.map((label, index) => ({
      label,
      color: phaseColors[Math.min(index, phaseColors.length - 1)]!,
    })),
    strips: timings.map(({ value, timing, label }) => ({
      label: `${value.model}, ${label}`,
      segments: timing.phases.map(({ name, milliseconds }) => ({
        name,
        series: name,
        milliseconds: milliseconds.median,
        detail: [
          ['', `${label}: ${name}`],
          ['time', `${withSpread(milliseconds)} ms`],
          ['share', percent(milliseconds.median / timing.milliseconds.median)],
        ],
      })),
    })),
  };
  const title = `From process start to first result, ${counted(threads, 'thread')}`;
  return {
    id: `start-${threads}`,
    title,
    description: 'Medians of the parts, one after another.',
    ...(phases.length > 0 ? { chart } : { openTable: true }),
    table: {
      caption: title,
      columns: [
        { title: 'Network', align: 'left' },
        { title: 'Engine', align: 'left' },
        { title: 'ms', align: 'right' },
        ...phases.map((name) => ({ title: name, align: 'right' as const })),
        { title: 'greatest memory', align: 'right' },
        { title: 'Fusor is', align: 'right' },
      ],
      rows: timings.map(({ value, timing, label }): Cell[] => {
        const ratio = value.speedups.find(({ rival }) => rival === timing.engine)?.ratio;
        const time = withSpread(timing.milliseconds);
        return [
          value.model,
          label,
          timing.noisy ? { text: `${time}, noisy`, tone: 'noisy' } : time,
          ...phases.map((name) => {
            const phase = timing.phases.find((entry) => entry.name === name);
            return phase === undefined ? '' : digits(phase.milliseconds.median);
          }),
          timing.peakBytes === undefined ? '' : bytesText(timing.peakBytes.median),
          ratio === undefined
            ? ''
            : { text: ratioWithSpread(ratio), tone: ratio.median >= 1 ? 'good' : 'bad' },
        ];
      }),
    },
  };
}

export function startHeadlines(rows: readonly StartRow[]): Headline[] {
  return rows.slice(0, 1).flatMap(({ value, run }) => {
    const [closest] = value.speedups.toSorted((a, b) => a.ratio.median - b.ratio.median);
    if (closest === undefined) return [];
    return [
      {
        value: ratioText(closest.ratio.median),
        label: `as fast to a first result`,
        note: `as ${engineOf(run, closest.rival).label}; ${value.model} from its file`,
      },
    ];
  });
}
