import { agrees, type NetworkResult } from '../../results/index.ts';
import type { BarsChart, Cell, Figure, Headline, Mark, RatioChart, Section, Table } from '../page/view.ts';
import { engineSeries } from './colors.ts';
import { counted, digits, interval, percent, ratioText, ratioWithSpread, withSpread } from './format.ts';
import { engineOf, enginesOf, groupBy, type Row } from './gather.ts';

export type NetworkRow = Row<'models', NetworkResult>;

export function networkKey({ model, batch, threads }: NetworkResult): string {
  return `${model}/${batch}/${threads}`;
}

/** Whole networks against the rivals: ratios for each thread count, times for each batch size besides. */
export function networksSection(rows: readonly NetworkRow[]): Section | undefined {
  if (rows.length === 0) return undefined;
  const figures: Figure[] = [];
  for (const [threads, ofThreads] of groupBy(rows, ({ value }) => value.threads)) {
    const ratios = ratioFigure(threads, ofThreads);
    if (ratios !== undefined) figures.push(ratios);
    for (const [batch, group] of groupBy(ofThreads, ({ value }) => value.batch)) {
      figures.push(timesFigure(threads, batch, group));
    }
  }
  return {
    id: 'networks',
    title: 'Whole networks',
    paragraphs: [
      'Each engine runs the same network with the same weights on the same images. They take turns, so that what slows the machine meets all of them, and ratios are taken within a turn.',
    ],
    figures,
  };
}

function ratioFigure(threads: number, rows: readonly NetworkRow[]): Figure | undefined {
  const compared = rows.filter(({ value }) => value.speedups.length > 0);
  if (compared.length === 0) return undefined;
  const batches = new Set(rows.map(({ value }) => value.batch)).size;
  const rivals = enginesOf(compared.map(({ run }) => run)).filter(({ id }) =>
    compared.some(({ value }) => value.speedups.some(({ rival }) => rival === id)),
  );
  const marks = compared.flatMap(({ value, run }) =>
    value.speedups.map(({ rival, ratio }): Mark => {
      const { label } = engineOf(run, rival);
      const noisy = isNoisyRatio(ratio, run.noiseBound);
      return {
        row: batches > 1 ? `${value.model}, batch ${value.batch}` : value.model,
        series: label,
        ...interval(ratio),
        noisy,
        detail: [
          ['', `${value.model}, batch ${value.batch}, ${counted(threads, 'thread')}`],
          ['Fusor is', `${ratioText(ratio.median)} as fast as ${label}`],
          ['middle half', `${ratioText(ratio.lowerQuartile)} to ${ratioText(ratio.upperQuartile)}`],
          ['rounds', String(ratio.count)],
          ...(noisy ? [['noisy', 'the rounds do not agree'] as const] : []),
        ],
      };
    }),
  );
  const chart: RatioChart = {
    kind: 'ratio',
    axis: 'times as fast',
    sides: ['Fusor slower', 'Fusor faster'],
    series: rivals.map(engineSeries),
    marks,
  };
  return {
    id: `networks-ratio-${threads}`,
    title: `How many times as fast as each rival, ${counted(threads, 'thread')}`,
    description:
      'The rival’s time over Fusor’s, round by round. Dot: median. Thick line: the middle half of the rounds. Hollow: noisy.',
    chart,
    table: {
      caption: `Speed against rivals, ${counted(threads, 'thread')}`,
      columns: [
        { title: 'Network', align: 'left' },
        { title: 'Batch', align: 'right' },
        ...rivals.map(({ label }) => ({ title: `against ${label}`, align: 'right' as const })),
      ],
      rows: compared.map(({ value, run }) => [
        value.model,
        String(value.batch),
        ...rivals.map(({ id }): Cell => {
          const ratio = value.speedups.find(({ rival }) => rival === id)?.ratio;
          if (ratio === undefined) return '';
          const text = ratioWithSpread(ratio);
          if (isNoisyRatio(ratio, run.noiseBound)) return { text: `${text}, noisy`, tone: 'noisy' };
          return { text, tone: ratio.median >= 1 ? 'good' : 'bad' };
        }),
      ]),
    },
  };
}

/** The same bound as for times, on the ratios of the rounds. */
export function isNoisyRatio(
  { median, lowerQuartile, upperQuartile }: { median: number; lowerQuartile: number; upperQuartile: number },
  bound: number,
): boolean {
  return upperQuartile - lowerQuartile > bound * median;
}

function timesFigure(threads: number, batch: number, rows: readonly NetworkRow[]): Figure {
  const engines = enginesOf(rows.map(({ run }) => run)).filter(({ id }) =>
    rows.some(({ value }) => value.engines.some(({ engine }) => engine === id)),
  );
  const marks = rows.flatMap(({ value, run }) =>
    value.engines.map(
      (result): Mark => ({
        row: value.model,
        series: engineOf(run, result.engine).label,
        ...interval(result.milliseconds),
        noisy: result.noisy,
        detail: [
          ['', `${value.model} in ${engineOf(run, result.engine).label}`],
          ['ms per run', withSpread(result.milliseconds)],
          ['images/s', digits(result.imagesPerSecond)],
          ['GFLOP/s', `${digits(result.gflops)}, ${percent(result.peakShare)} of the peak`],
          ...(result.noisy ? [['noisy', 'the rounds do not agree'] as const] : []),
        ],
      }),
    ),
  );
  const chart: BarsChart = { kind: 'bars', axis: 'ms per run', series: engines.map(engineSeries), marks };
  const setting = `batch ${batch}, ${counted(threads, 'thread')}`;
  return {
    id: `networks-times-${threads}-${batch}`,
    title: `Milliseconds per run, ${setting}`,
    description:
      'Shorter is faster. Bar: median of the rounds. Bracket: their middle half. Pale, with a question mark: noisy.',
    chart,
    half: true,
    table: timesTable(`Milliseconds per run, ${setting}`, rows),
  };
}

function timesTable(caption: string, rows: readonly NetworkRow[]): Table {
  return {
    caption,
    columns: [
      { title: 'Network', align: 'left' },
      { title: 'Engine', align: 'left' },
      { title: 'ms per run', align: 'right' },
      { title: 'images/s', align: 'right' },
      { title: 'GFLOP/s', align: 'right' },
      { title: 'of peak', align: 'right' },
      { title: 'logits differ by', align: 'right' },
    ],
    rows: rows.flatMap(({ value, run }) =>
      value.engines.map((result): Cell[] => [
        value.model,
        engineOf(run, result.engine).label,
        result.noisy
          ? { text: `${withSpread(result.milliseconds)}, noisy`, tone: 'noisy' }
          : withSpread(result.milliseconds),
        digits(result.imagesPerSecond),
        digits(result.gflops),
        percent(result.peakShare),
        result.difference === undefined ? '' : (result.difference?.toExponential(1) ?? 'not a number'),
      ]),
    ),
  };
}

/** The networks that a reader asks for first: smallest batch, most threads, against the fastest rival of each. */
export function networkHeadlines(rows: readonly NetworkRow[]): Headline[] {
  const threads = Math.max(...rows.map(({ value }) => value.threads));
  const candidates = rows.filter(({ value }) => value.threads === threads && value.speedups.length > 0);
  const batch = Math.min(...candidates.map(({ value }) => value.batch));
  return candidates
    .filter(({ value }) => value.batch === batch)
    .slice(0, 4)
    .map(({ value, run }) => {
      const closest = value.speedups.reduce((a, b) => (b.ratio.median < a.ratio.median ? b : a));
      return {
        value: ratioText(closest.ratio.median),
        label: `as fast on ${value.model}`,
        note: `as ${engineOf(run, closest.rival).label}; batch ${batch}, ${counted(threads, 'thread')}${isNoisyRatio(closest.ratio, run.noiseBound) ? '; noisy' : ''}`,
      };
    });
}

export function networkWarnings(rows: readonly NetworkRow[]): string[] {
  const warnings: string[] = [];
  const wrong = rows.filter(({ value }) => !agrees(value));
  if (wrong.length > 0) {
    const names = wrong.map(({ value }) => `${value.model} (batch ${value.batch})`).join(', ');
    warnings.push(`The engines do not agree on the logits of ${names}: their times do not compare.`);
  }
  const all = rows.flatMap(({ value }) => value.engines);
  const noisy = all.filter((result) => result.noisy).length;
  if (noisy > 0) warnings.push(`${noisy} of ${all.length} times of networks are noisy. They are marked.`);
  return warnings;
}
