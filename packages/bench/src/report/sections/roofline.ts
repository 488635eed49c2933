import type { Ceiling, Layer } from '../../results/index.ts';
import type { Figure, RooflineChart, RooflineDot, Section, Table } from '../page/view.ts';
import { algorithmSeries } from './colors.ts';
import { counted, digits, percent } from './format.ts';
import { ceilingOf } from './gather.ts';
import { algorithmOf, algorithmsByTime, layerDetail, milliseconds } from './layers.ts';

/** A network with the limits of the machine that it ran on. */
export interface RooflineRow {
  readonly value: {
    readonly model: string;
    readonly batch: number;
    readonly threads: number;
    readonly layers: readonly Layer[];
  };
  readonly run: { readonly ceilings: readonly Ceiling[] };
}

/** Each layer under the machine's measured ceilings. */
export function rooflineSection(rows: readonly RooflineRow[]): Section | undefined {
  const figures = rows.flatMap(({ value, run }, index) => {
    const ceiling = ceilingOf(run, value.threads);
    const layers = value.layers.filter(({ flops, bytes }) => flops > 0 && bytes > 0);
    return ceiling === undefined || layers.length === 0 ? [] : [figure(value, ceiling, layers, index)];
  });
  if (figures.length === 0) return undefined;
  return {
    id: 'roofline',
    title: 'Against the limits of the machine',
    paragraphs: [
      'A roofline: to the left memory limits a layer, to the right arithmetic. The ceilings were measured in the same run: fused multiply-adds in registers, and copies at each level of memory.',
      'Operations are counted by definition, two per multiply-add. Winograd’s algorithm does fewer, so its layers can lie above the peak. Bytes are the least that must move: inputs, weights and outputs once. A layer that finds its input in a cache can lie above the slope of main memory.',
    ],
    figures,
  };
}

function figure(
  { model, batch, threads, layers: all }: RooflineRow['value'],
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
        ['of the peak', percent(layer.flops / layer.seconds.median / 1e9 / ceiling.peakGflops)],
      ],
    }),
  );
  const chart: RooflineChart = {
    kind: 'roofline',
    peaks: [{ label: 'f32 peak', gflops: ceiling.peakGflops }],
    bandwidths: ceiling.bandwidths.map(({ level, copy }) => ({ label: level, gigabytesPerSecond: copy })),
    series: algorithmSeries(algorithmsByTime(layers)),
    dots,
  };
  return {
    id: `roofline-${index}`,
    title: `${model}, ${setting}`,
    description: `One dot per layer with arithmetic (${layers.length} of ${all.length}), coloured by algorithm. Both axes are logarithmic.`,
    chart,
    table: table(`Layers of ${model} under the roofline, ${setting}`, layers, ceiling),
    bulky: true,
    half: true,
  };
}

function table(caption: string, layers: readonly Layer[], { peakGflops }: Ceiling): Table {
  return {
    caption,
    columns: [
      { title: 'Layer', align: 'left' },
      { title: 'Algorithm', align: 'left' },
      { title: 'FLOP per byte', align: 'right' },
      { title: 'GFLOP/s', align: 'right' },
      { title: 'of peak', align: 'right' },
    ],
    rows: layers.map((layer) => {
      const gflops = layer.flops / layer.seconds.median / 1e9;
      return [
        layer.name,
        algorithmOf(layer),
        digits(layer.flops / layer.bytes),
        digits(gflops),
        percent(gflops / peakGflops),
      ];
    }),
  };
}
