import type { EngineInfo, NetworkResult } from '../../results/index.ts';
import type { Figure, LinesChart, Point, Section } from '../page/view.ts';
import { engineSeries } from './colors.ts';
import { counted, digits, ratioText } from './format.ts';
import { enginesOf, groupBy } from './gather.ts';
import type { NetworkRow } from './networks.ts';

/** What more threads and larger batches bring. */
export function scalingSection(rows: readonly NetworkRow[]): Section | undefined {
  const figures = [...threadFigures(rows), ...batchFigures(rows)];
  if (figures.length === 0) return undefined;
  return {
    id: 'scaling',
    title: 'Threads and batches',
    paragraphs: [
      'Each line is relative to its own first point: what more threads, or larger batches, bring this engine.',
    ],
    figures,
  };
}

function threadFigures(rows: readonly NetworkRow[]): Figure[] {
  return [...groupBy(rows, ({ value }) => value.batch)].flatMap(([batch, group]) =>
    scalingFigure(group, {
      id: `threads-${batch}`,
      title: `Speed with threads, batch ${batch}`,
      description:
        'Time with the fewest threads over time with more. The dashed line is all that the threads could bring.',
      xAxis: 'threads',
      ideal: true,
      positionOf: ({ threads }) => threads,
      gain: (first, _at, milliseconds) => (first.milliseconds / milliseconds) * first.at,
    }),
  );
}

function batchFigures(rows: readonly NetworkRow[]): Figure[] {
  return [...groupBy(rows, ({ value }) => value.threads)].flatMap(([threads, group]) =>
    scalingFigure(group, {
      id: `batches-${threads}`,
      title: `Images per second with batch size, ${counted(threads, 'thread')}`,
      description: 'Relative to the smallest batch: above 1 where a larger batch makes each image cheaper.',
      xAxis: 'images per run',
      positionOf: ({ batch }) => batch,
      gain: (first, at, milliseconds) => (at / milliseconds) * (first.milliseconds / first.at),
    }),
  );
}

interface Scaling {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly xAxis: string;
  readonly ideal?: true;
  positionOf(network: NetworkResult): number;
  /** What to plot for a time at a position, given the first of the line. */
  gain(
    first: { readonly at: number; readonly milliseconds: number },
    at: number,
    milliseconds: number,
  ): number;
}

function scalingFigure(rows: readonly NetworkRow[], scaling: Scaling): Figure[] {
  const { positionOf, gain, id, title, description, ...axes } = scaling;
  const engines = enginesOf(rows.map(({ run }) => run));
  const lines = [...groupBy(rows, ({ value }) => value.model)].flatMap(([model, group]) =>
    engines.flatMap((engine) => {
      const points = linePoints(model, engine, group, scaling);
      return points.length > 1 ? [{ panel: model, series: engine.label, points }] : [];
    }),
  );
  if (lines.length === 0) return [];
  const positions = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort(
    (a, b) => a - b,
  );
  const chart: LinesChart = {
    kind: 'lines',
    ...axes,
    series: engines.filter(({ label }) => lines.some(({ series }) => series === label)).map(engineSeries),
    lines,
  };
  return [
    {
      id,
      title,
      description,
      chart,
      half: new Set(lines.map(({ panel }) => panel)).size <= 2,
      table: {
        caption: title,
        columns: [
          { title: 'Network', align: 'left' },
          { title: 'Engine', align: 'left' },
          ...positions.map((x) => ({
            title: `${x} ${x === 1 ? axes.xAxis.replace(/s\b/, '') : axes.xAxis}`,
            align: 'right' as const,
          })),
        ],
        rows: lines.map(({ panel, series, points }) => [
          panel,
          series,
          ...positions.map((at) => {
            const point = points.find(({ x }) => x === at);
            return point === undefined ? '' : ratioText(point.median);
          }),
        ]),
      },
    },
  ];
}

function linePoints(
  model: string,
  engine: EngineInfo,
  rows: readonly NetworkRow[],
  { positionOf, gain, xAxis }: Scaling,
): Point[] {
  const timed = rows
    .flatMap(({ value }) => {
      const result = value.engines.find((entry) => entry.engine === engine.id);
      return result === undefined ? [] : [{ at: positionOf(value), result }];
    })
    .sort((a, b) => a.at - b.at);
  const start = timed[0];
  if (start === undefined) return [];
  const first = { at: start.at, milliseconds: start.result.milliseconds.median };
  return timed.map(({ at, result: { milliseconds, noisy, imagesPerSecond } }) => {
    const median = gain(first, at, milliseconds.median);
    return {
      x: at,
      median,
      lower: gain(first, at, milliseconds.upperQuartile),
      upper: gain(first, at, milliseconds.lowerQuartile),
      noisy,
      detail: [
        ['', `${model} in ${engine.label}`],
        [xAxis, String(at)],
        ['gain', ratioText(median)],
        ['time', `${digits(milliseconds.median)} ms, ${digits(imagesPerSecond)} images/s`],
        ...(noisy ? [['noisy', 'the rounds do not agree'] as const] : []),
      ],
    };
  });
}
