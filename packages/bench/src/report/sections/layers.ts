import type { Layer } from '../../results/index.ts';
import type { Figure, Section, StripChart, Table } from '../page/view.ts';
import { algorithmSeries } from './colors.ts';
import { counted, digits, percent } from './format.ts';
import { groupBy } from './gather.ts';
import type { NetworkRow } from './networks.ts';

/** Where the time of each network goes, layer by layer. */
export function layersSection(rows: readonly NetworkRow[]): Section | undefined {
  const profiled = rows.filter(({ value }) => value.layers.length > 0);
  if (profiled.length === 0) return undefined;
  const series = algorithmSeries(algorithmsByTime(profiled.flatMap(({ value }) => value.layers)));
  const settings = groupBy(
    profiled,
    ({ value }) => `batch ${value.batch}, ${counted(value.threads, 'thread')}`,
  );
  return {
    id: 'layers',
    title: 'Where the time goes',
    paragraphs: [
      'The compiled plan of each network, from the first layer on the left to the last, each as wide as its time. Layers that were fused, such as a convolution with its batch-norm, sum and ReLU, are one piece.',
    ],
    figures: [...settings].flatMap(([setting, group], index) => {
      const used = new Set(group.flatMap(({ value }) => value.layers.map(algorithmOf)));
      const chart: StripChart = {
        kind: 'strip',
        axis: 'ms',
        series: series.filter(({ label }) => used.has(label)),
        strips: group.map(({ value }) => ({
          label: value.model,
          segments: value.layers.map((layer) => ({
            name: layer.name,
            series: algorithmOf(layer),
            milliseconds: milliseconds(layer),
            detail: layerDetail(layer, totalOf(value.layers)),
          })),
        })),
      };
      const strip: Figure = {
        id: `layers-${index}`,
        title: `Time per layer, ${setting}`,
        description: 'Colour is the algorithm that the layer runs with.',
        chart,
        table: layersTable(`Time per layer, ${setting}`, group),
        summary: sharesTable(
          `Share of each algorithm, ${setting}`,
          group,
          chart.series.map(({ label }) => label),
        ),
        bulky: true,
      };
      return [strip];
    }),
  };
}

/** The algorithm without the reason in brackets that follows it; of what is not a convolution, the operation. */
export function algorithmOf({ op, algorithm }: Layer): string {
  const name = algorithm.replace(/\s*\(.*\)$/, '');
  return op.startsWith('conv') && name !== '' && name !== '-' ? name : op;
}

export function milliseconds({ seconds }: Layer): number {
  return 1000 * seconds.median;
}

function totalOf(layers: readonly Layer[]): number {
  return layers.reduce((sum, layer) => sum + milliseconds(layer), 0);
}

/** Algorithms, those that take longest first. */
export function algorithmsByTime(layers: readonly Layer[]): string[] {
  return [...groupBy(layers, algorithmOf)]
    .sort(([, a], [, b]) => totalOf(b) - totalOf(a))
    .map(([name]) => name);
}

export function layerDetail(layer: Layer, total: number): [string, string][] {
  const time = milliseconds(layer);
  return [
    ['', layer.name],
    ['algorithm', `${layer.algorithm}, ${layer.instructionSet}`],
    ['time', `${digits(time)} ms, ${percent(time / total)} of the network`],
    ...(layer.flops > 0 ? [['GFLOP/s', digits(layer.flops / time / 1e6)] as [string, string]] : []),
    ['GB/s', digits(layer.bytes / time / 1e6)],
  ];
}

function layersTable(caption: string, rows: readonly NetworkRow[]): Table {
  return {
    caption,
    columns: [
      { title: 'Network', align: 'left' },
      { title: 'Layer', align: 'left' },
      { title: 'Operation', align: 'left' },
      { title: 'Algorithm', align: 'left' },
      { title: 'ms', align: 'right' },
      { title: 'share', align: 'right' },
      { title: 'GFLOP/s', align: 'right' },
      { title: 'GB/s', align: 'right' },
    ],
    rows: rows.flatMap(({ value }) => {
      const total = totalOf(value.layers);
      return value.layers.map((layer) => {
        const time = milliseconds(layer);
        return [
          value.model,
          layer.name,
          layer.op,
          layer.algorithm,
          digits(time),
          percent(time / total),
          layer.flops > 0 ? digits(layer.flops / time / 1e6) : '',
          digits(layer.bytes / time / 1e6),
        ];
      });
    }),
  };
}

function sharesTable(caption: string, rows: readonly NetworkRow[], algorithms: readonly string[]): Table {
  return {
    caption,
    columns: [
      { title: 'Network', align: 'left' },
      ...algorithms.map((title) => ({ title, align: 'right' as const })),
      { title: 'ms in all', align: 'right' },
    ],
    rows: rows.map(({ value }) => {
      const total = totalOf(value.layers);
      return [
        value.model,
        ...algorithms.map((name) => {
          const time = totalOf(value.layers.filter((layer) => algorithmOf(layer) === name));
          return time < 0.0005 * total ? '' : percent(time / total);
        }),
        digits(total),
      ];
    }),
  };
}
