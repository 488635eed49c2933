import Table from 'cli-table3';
import { algorithmOf } from '../report/sections/layers.ts';
import { formatEnvelope, plural } from '../report-text.ts';
import { isNoisy } from '../results/envelope.ts';
import { limitOf, type RooflineNetwork, type RooflineResults } from '../results/roofline.ts';
import { type Ceiling, ceilingIn } from '../results/types.ts';

/** The results as text for a terminal. */
export function formatRoofline(results: RooflineResults): string {
  return [
    ...formatEnvelope(results),
    ...results.networks.flatMap((network) => {
      const ceiling = results.ceilings.find(({ threads }) => threads === network.threads);
      return ceiling === undefined ? [] : ['', ...networkText(network, ceilingIn(ceiling, network.dtype))];
    }),
  ].join('\n');
}

function networkText(network: RooflineNetwork, ceiling: Ceiling): string[] {
  const { model, batch, threads, layers } = network;
  const table = new Table({
    head: [
      'step',
      'algorithm',
      'FLOP/byte',
      'GFLOP/s',
      'GB/s',
      'ms',
      'bound by',
      'at least, ms',
      'of ceiling',
    ],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'left', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const layer of layers) {
    const seconds = layer.seconds.median;
    const { bound, seconds: least, share } = limitOf(layer, ceiling);
    table.push([
      shortName(layer.name),
      algorithmOf(layer),
      layer.flops === 0 ? '' : (layer.flops / layer.bytes).toFixed(1),
      layer.flops === 0 ? '' : (layer.flops / seconds / 1e9).toFixed(0),
      (layer.bytes / seconds / 1e9).toFixed(1),
      `${(1000 * seconds).toFixed(3)}${isNoisy(layer.seconds) ? ' noisy' : ''}`,
      bound,
      (1000 * least).toFixed(3),
      `${(100 * share).toFixed(0)}%`,
    ]);
  }
  return [
    `${model}, batch ${batch}, ${plural(threads, 'thread')}`,
    table.toString(),
    ...summary(network, ceiling),
  ];
}

/** Names of fused steps list all modules in them: the first says where it is. */
function shortName(name: string): string {
  const [first = '', ...others] = name.split(' + ');
  return others.length === 0 ? first : `${first} +${others.length}`;
}

/** Where the time beyond the ceilings goes. */
function summary({ layers }: RooflineNetwork, ceiling: Ceiling): string[] {
  const timed = layers.map((layer) => {
    const limit = limitOf(layer, ceiling);
    return { layer, limit, lost: layer.seconds.median - limit.seconds };
  });
  const total = layers.reduce((sum, { seconds }) => sum + seconds.median, 0);
  const least = timed.reduce((sum, { limit }) => sum + limit.seconds, 0);
  const byMemory = timed
    .filter(({ limit }) => limit.bound !== 'arithmetic')
    .reduce((sum, { layer }) => sum + layer.seconds.median, 0);
  const worst = timed
    .filter(({ lost }) => lost > 0)
    .sort((a, b) => b.lost - a.lost)
    .slice(0, 3)
    .map(({ layer, lost }) => `${shortName(layer.name)} ${(1000 * lost).toFixed(3)} ms`);
  return [
    `${(1000 * total).toFixed(2)} ms in all, ${(1000 * least).toFixed(2)} ms at the ceilings (${((100 * least) / total).toFixed(0)}%); ${((100 * byMemory) / total).toFixed(0)}% of the time in steps that memory bounds`,
    ...(worst.length === 0 ? [] : [`most lost: ${worst.join(', ')}`]),
    'FLOP are counted by definition, two per multiply-add: Winograd’s algorithm does fewer and can exceed 100%',
  ];
}
