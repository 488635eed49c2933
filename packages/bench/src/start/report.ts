import Table from 'cli-table3';
import { formatEnvelope, formatSpread } from '../report-text.ts';
import type { StartResults } from '../results/start.ts';

const megabyte = 2 ** 20;

/** The results as text for a terminal. */
export function formatStart(results: StartResults): string {
  const label = (id: string) => results.engines.find((engine) => engine.id === id)?.label ?? id;
  const table = new Table({
    head: ['network', 'thr', 'engine', 'ms to the first result (quartiles)', 'peak MB', 'phases, ms'],
    colAligns: ['left', 'right', 'left', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  const lines: string[] = [];
  for (const { model, threads, engines, speedups } of results.starts) {
    for (const { engine, milliseconds, noisy, phases, peakBytes } of engines) {
      table.push([
        model,
        String(threads),
        label(engine),
        `${formatSpread(milliseconds, 0)}${noisy ? ' noisy' : ''}`,
        peakBytes === undefined ? '' : (peakBytes.median / megabyte).toFixed(0),
        phases.map((phase) => `${phase.name} ${phase.milliseconds.median.toFixed(0)}`).join(', '),
      ]);
    }
    for (const { rival, ratio } of speedups) {
      lines.push(`${model}: ${formatSpread(ratio)} times as fast to the first result as ${label(rival)}`);
    }
  }
  const notes = 'Whole processes, with their files in the page cache; peak is the greatest resident memory.';
  return [...formatEnvelope(results), notes, '', table.toString(), '', ...lines].join('\n');
}
