import Table from 'cli-table3';
import type { Load } from '../machine/machine.ts';
import type { Spread } from '../timing/statistics.ts';
import {
  agreement,
  agrees,
  type EngineName,
  type EngineResult,
  type ModelsReport,
  type NetworkResult,
} from './results.ts';

/** What the tables call the engines. */
function label(engine: EngineName, report: ModelsReport): string {
  if (engine === 'compiled') return 'fusor compiled';
  if (engine === 'eager') return 'fusor eager';
  return 'name' in report.rival ? report.rival.name : 'onnxruntime-node';
}

/** The report as text for a terminal. */
export function formatReport(report: ModelsReport): string {
  const { machine } = report;
  const lines = [
    `${machine.processor}, ${machine.logicalCores} logical cores, ${machine.platform}, Node ${machine.node}`,
    `device ${report.device}, ${count(report.threads, 'thread')}${
      report.peakGflops === undefined ? '' : `, f32 peak ${report.peakGflops.toFixed(0)} GFLOP/s (measured)`
    }`,
    `other load: ${formatLoad(report.load.before)} before, ${formatLoad(report.load.after)} after`,
    `random weights and images; medians of ${count(report.rounds, 'round')} (quartiles), engines in turns`,
  ];
  if ('missing' in report.rival) lines.push(`no rival: ${report.rival.missing}`);
  lines.push('', timesTable(report), '', ...report.networks.flatMap((result) => summary(result, report)));
  return lines.join('\n');
}

function timesTable(report: ModelsReport): string {
  const table = new Table({
    head: ['network', 'batch', 'engine', 'ms per run', 'images/s', 'GFLOP/s', 'of peak'],
    colAligns: ['left', 'right', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const result of report.networks) {
    for (const [index, engine] of result.engines.entries()) {
      table.push([
        index === 0 ? result.model : '',
        index === 0 ? String(result.batch) : '',
        label(engine.engine, report),
        ...figures(engine),
      ]);
    }
  }
  return table.toString();
}

function figures(engine: EngineResult): string[] {
  return [
    formatMilliseconds(engine.milliseconds),
    engine.imagesPerSecond.toFixed(1),
    engine.gflops.toFixed(1),
    engine.peakShare === undefined ? '' : `${(100 * engine.peakShare).toFixed(0)}%`,
  ];
}

/** One network in words: the ratios, and whether the engines agree. */
function summary(result: NetworkResult, report: ModelsReport): string[] {
  const parts: string[] = [];
  if (result.speedup !== undefined) {
    parts.push(`${formatRatio(result.speedup)} the speed of ${label('onnxruntime', report)}`);
  }
  if (result.eagerOverCompiled !== undefined) {
    parts.push(`eager takes ${formatRatio(result.eagerOverCompiled)} the time`);
  }
  const differences = Object.entries(result.differences).map(
    ([engine, difference]) => `${label(engine as EngineName, report)} ${difference.toExponential(1)}`,
  );
  if (differences.length > 0) {
    const verdict = agrees(result)
      ? 'same logits'
      : `LOGITS DIFFER by more than ${agreement.toExponential(0)}`;
    parts.push(`${verdict} (${differences.join(', ')})`);
  }
  if (parts.length === 0) return [];
  return [`${result.model}, batch ${result.batch}, compiled: ${parts.join('; ')}`];
}

function formatMilliseconds({ median, lowerQuartile, upperQuartile }: Spread): string {
  return `${median.toFixed(2)} (${lowerQuartile.toFixed(2)} – ${upperQuartile.toFixed(2)})`;
}

function formatRatio({ median, lowerQuartile, upperQuartile }: Spread): string {
  return `${median.toFixed(2)}× (${lowerQuartile.toFixed(2)} – ${upperQuartile.toFixed(2)})`;
}

function formatLoad({ average, running }: Load): string {
  return `${average.toFixed(2)}${running === undefined ? '' : ` (${running} running now)`}`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
