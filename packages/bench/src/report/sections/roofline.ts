import { bandwidthOf, type Ceiling, type Layer, limitOf, type Precision } from '../../results/index.ts';
import type { Figure, RooflineChart, RooflineDot, Section, Table } from '../page/view.ts';
import { algorithmSeries } from './colors.ts';
import { counted, digits, percent } from './format.ts';
import { ceilingOf, groupBy } from './gather.ts';
import { algorithmOf, algorithmsByTime, layerDetail, milliseconds } from './layers.ts';

/** A network with the limits of the machine that it ran on. */
export interface RooflineRow {
  readonly value: {
    readonly model: string;
    readonly batch: number;
    readonly threads: number;
    readonly dtype?: Precision;
    readonly layers: readonly Layer[];
  };
  readonly run: { readonly ceilings: readonly Ceiling[] };
}

/** Each layer under the machine's measured ceilings. */
export function rooflineSection(rows: readonly RooflineRow[]): Section | undefined {
  const figures = rows.flatMap(({ value, run }, index) => {
    const ceiling = ceilingOf(run, value);
    const layers = value.layers.filter(({ flops, bytes }) => flops > 0 && bytes > 0);
    return ceiling === undefined || layers.length === 0 ? [] : [figure(value, ceiling, layers, index)];
  });
  if (figures.length === 0) return undefined;
  return {
    id: 'roofline',
    title: 'Against the limits of the machine',
    paragraphs: [
      'A roofline: to the left memory limits a layer, to the right arithmetic. The ceilings were measured in the same run: fused multiply-adds in registers (in 16 bits large products on a GPU’s tensor cores), and copying and reading at each level of memory, of which the faster counts.',
      'Operations are counted by definition, two per multiply-add. Winograd’s algorithm does fewer, so its layers can lie above the peak. Bytes are the least that must move: inputs, weights and outputs once. What bounds a layer is the peak, or the first level of memory that holds all of its bytes.',
    ],
    figures,
  };
}

function figure(
  { model, batch, threads, dtype = 'f32', layers: all }: RooflineRow['value'],
  ceiling: Ceiling,
  layers: readonly Layer[],
  index: number,
): Figure {
  const total = all.reduce((sum, layer) => sum + milliseconds(layer), 0);
  const setting = `batch ${batch}, ${counted(threads, 'thread')}`;
  const dots = layers.map(
    (layer): RooflineDot => ({
      name: layer.name,
      series: algorithmOf(layer),
      intensity: layer.flops / layer.bytes,
      gflops: layer.flops / layer.seconds.median / 1e9,
      detail: [
        ...layerDetail(layer, total),
        ['FLOP per byte', digits(layer.flops / layer.bytes)],
        ['bound by', limitOf(layer, ceiling).bound],
        ['of that ceiling', percent(limitOf(layer, ceiling).share)],
      ],
    }),
  );
  const chart: RooflineChart = {
    kind: 'roofline',
    peaks: [{ label: `${dtype} peak`, gflops: ceiling.peakGflops }],
    bandwidths: ceiling.bandwidths.map((bandwidth) => ({
      label: bandwidth.level,
      gigabytesPerSecond: bandwidthOf(bandwidth),
    })),
    series: algorithmSeries(algorithmsByTime(layers)),
    dots,
  };
  return {
    id: `roofline-${index}`,
    title: `${model}, ${setting}`,
    description: `One dot per layer with arithmetic (${layers.length} of ${all.length}), coloured by algorithm. Both axes are logarithmic.`,
    chart,
    summary: summary(`${model} at the ceilings, ${setting}`, all, ceiling),
    table: table(`Layers of ${model} under the roofline, ${setting}`, all, ceiling),
    bulky: true,
    half: true,
  };
}

/** The whole network, were every layer at its ceiling; and what bounds how much of its time. */
function summary(caption: string, layers: readonly Layer[], ceiling: Ceiling): Table {
  const limits = layers.map((layer) => ({ time: layer.seconds.median, ...limitOf(layer, ceiling) }));
  const total = limits.reduce((sum, { time }) => sum + time, 0);
  const least = limits.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    caption,
    columns: [
      { title: 'Bound by', align: 'left' },
      { title: 'layers', align: 'right' },
      { title: 'ms', align: 'right' },
      { title: 'at least, ms', align: 'right' },
      { title: 'of ceiling', align: 'right' },
    ],
    rows: [
      ...[...groupBy(limits, ({ bound }) => bound)].map(([bound, group]) => {
        const time = group.reduce((sum, entry) => sum + entry.time, 0);
        const ideal = group.reduce((sum, { seconds }) => sum + seconds, 0);
        return [
          bound,
          String(group.length),
          digits(1000 * time),
          digits(1000 * ideal),
          percent(ideal / time),
        ];
      }),
      ['all', String(layers.length), digits(1000 * total), digits(1000 * least), percent(least / total)],
    ],
  };
}

function table(caption: string, layers: readonly Layer[], ceiling: Ceiling): Table {
  return {
    caption,
    columns: [
      { title: 'Layer', align: 'left' },
      { title: 'Algorithm', align: 'left' },
      { title: 'FLOP per byte', align: 'right' },
      { title: 'GFLOP/s', align: 'right' },
      { title: 'GB/s', align: 'right' },
      { title: 'bound by', align: 'left' },
      { title: 'of ceiling', align: 'right' },
    ],
    rows: layers.map((layer) => {
      const { bound, share } = limitOf(layer, ceiling);
      const seconds = layer.seconds.median;
      return [
        layer.name,
        algorithmOf(layer),
        layer.flops === 0 ? '' : digits(layer.flops / layer.bytes),
        layer.flops === 0 ? '' : digits(layer.flops / seconds / 1e9),
        digits(layer.bytes / seconds / 1e9),
        bound,
        percent(share),
      ];
    }),
  };
}
