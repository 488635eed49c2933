import { kernelKey } from '../report/sections/kernels.ts';
import { networkKey } from '../report/sections/networks.ts';
import { startKey } from '../report/sections/start.ts';
import type { EngineInfo, Results, Timing } from '../results/index.ts';

/** What was measured in one row of a results file of any kind. */
export interface MeasuredRow {
  /** Equal in two files for the same thing. */
  readonly key: string;
  /** For people: `resnet18, batch 1, 2 threads`. */
  readonly name: string;
  readonly timings: readonly Timing[];
}

const threadsText = (threads: number) => `${threads} thread${threads === 1 ? '' : 's'}`;

/** The rows with timings of a results file; a roofline has none. */
export function measuredRows(results: Results): MeasuredRow[] {
  switch (results.kind) {
    case 'models':
      return results.networks.map((row) => ({
        key: `models/${networkKey(row)}`,
        name: `${row.model}, batch ${row.batch}, ${threadsText(row.threads)}`,
        timings: row.engines,
      }));
    case 'kernels':
      return results.kernels.map((row) => ({
        key: `kernels/${kernelKey(row)}`,
        name: `${row.op} ${row.shape}, batch ${row.batch}, ${threadsText(row.threads)}`,
        timings: row.engines,
      }));
    case 'start':
      return results.starts.map((row) => ({
        key: `start/${startKey(row)}`,
        name: `${row.model}, start, ${threadsText(row.threads)}`,
        timings: row.engines,
      }));
    case 'roofline':
      return [];
  }
}

/** Names of engines; a roofline has none. */
export function enginesIn(results: Results): readonly EngineInfo[] {
  return results.kind === 'roofline' ? [] : results.engines;
}
