import Table from 'cli-table3';
import { formatEnvelope, formatSpread } from '../report-text.ts';
import {
  agreement,
  agrees,
  type EngineResult,
  type ModelsResults,
  type NetworkResult,
} from '../results/models.ts';
import type { Spread } from '../timing/statistics.ts';

/** The results as text for a terminal. */
export function formatModels(results: ModelsResults): string {
  const label = (id: string) => results.engines.find((engine) => engine.id === id)?.label ?? id;
  return [
    ...formatEnvelope(results),
    '',
    timesTable(results, label),
    '',
    ...results.networks.flatMap((network) => summary(network, label)),
  ].join('\n');
}

function timesTable({ networks }: ModelsResults, label: (id: string) => string): string {
  const table = new Table({
    head: ['network', 'batch', 'threads', 'engine', 'ms per run', 'images/s', 'GFLOP/s', 'of peak', 'ratio'],
    colAligns: ['left', 'right', 'right', 'left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const network of networks) {
    for (const [index, engine] of network.engines.entries()) {
      const row = [network.model, String(network.batch), String(network.threads)];
      table.push([
        ...(index === 0 ? row : row.map(() => '')),
        label(engine.engine),
        ...figures(engine),
        ratioOf(network, engine),
      ]);
    }
  }
  return table.toString();
}

function figures({ milliseconds, noisy, imagesPerSecond, gflops, peakShare }: EngineResult): string[] {
  return [
    `${formatSpread(milliseconds)}${noisy ? ' noisy' : ''}`,
    imagesPerSecond.toFixed(1),
    gflops.toFixed(1),
    peakShare === 0 ? '' : `${(100 * peakShare).toFixed(0)}%`,
  ];
}

/** An engine's time over the compiled plan's. */
function ratioOf(network: NetworkResult, { engine }: EngineResult): string {
  if (engine === 'eager' && network.eagerOverCompiled !== undefined) {
    return `${network.eagerOverCompiled.median.toFixed(2)}×`;
  }
  const speedup = network.speedups.find(({ rival }) => rival === engine);
  return speedup === undefined ? '' : `${speedup.ratio.median.toFixed(2)}×`;
}

/** One network in words: the ratios, and whether the engines agree. */
function summary(network: NetworkResult, label: (id: string) => string): string[] {
  const parts = network.speedups.map(
    ({ rival, ratio }) => `${formatRatio(ratio)} the speed of ${label(rival)}`,
  );
  if (network.eagerOverCompiled !== undefined) {
    parts.push(`eager takes ${formatRatio(network.eagerOverCompiled)} the time`);
  }
  const differences = network.engines.flatMap(({ engine, difference }) =>
    difference === undefined
      ? []
      : [`${label(engine)} ${difference === null ? 'not a number' : difference.toExponential(1)}`],
  );
  if (differences.length > 0) {
    const verdict = agrees(network)
      ? 'same logits'
      : `LOGITS DIFFER by more than ${agreement.toExponential(0)}`;
    parts.push(`${verdict} (${differences.join(', ')})`);
  }
  if (parts.length === 0) return [];
  const { model, batch, threads } = network;
  return [
    `${model}, batch ${batch}, ${threads} thread${threads === 1 ? '' : 's'}, compiled: ${parts.join('; ')}`,
  ];
}

function formatRatio(ratio: Spread): string {
  return `${ratio.median.toFixed(2)}× (${ratio.lowerQuartile.toFixed(2)} – ${ratio.upperQuartile.toFixed(2)})`;
}
