import Table from 'cli-table3';
import { formatEnvelope, formatSpread } from '../report-text.ts';
import { equalWithin, type KernelResult, type KernelsResults } from '../results/kernels.ts';

const marks = { faster: '+ faster', equal: '= equal', slower: '- SLOWER', alone: '' } as const;

/** The results as text for a terminal. */
export function formatKernels(results: KernelsResults): string {
  const label = (id: string) => results.engines.find((engine) => engine.id === id)?.label ?? id;
  const table = new Table({
    head: [
      'op',
      'shape',
      'n',
      'thr',
      'ms (quartiles)',
      'GFLOP/s',
      'peak',
      'GB/s',
      'copy',
      'algorithm',
      'best rival',
      'ratio',
      '',
    ],
    colAligns: [
      'left',
      'left',
      'right',
      'right',
      'right',
      'right',
      'right',
      'right',
      'right',
      'left',
      'left',
      'right',
      'left',
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const row of results.kernels) table.push(cells(row, label));
  return [...formatEnvelope(results), '', table.toString(), '', summary(results, label)].join('\n');
}

function cells(row: KernelResult, label: (id: string) => string): string[] {
  const own = row.engines[0]!;
  return [
    row.op,
    row.shape,
    String(row.batch),
    String(row.threads),
    `${formatSpread(own.milliseconds, 3)}${own.noisy ? ' noisy' : ''}`,
    row.gflop === 0 ? '' : own.gflops.toFixed(0),
    row.gflop === 0 ? '' : `${(100 * own.peakShare).toFixed(0)}%`,
    own.gigabytesPerSecond.toFixed(1),
    row.copy === undefined ? '' : `${(100 * row.copy.share.median).toFixed(0)}%`,
    row.algorithm,
    row.best === undefined ? '' : label(row.best.rival),
    row.best === undefined ? '' : `${row.best.ratio.median.toFixed(2)}×`,
    marks[row.verdict],
  ];
}

function summary(results: KernelsResults, label: (id: string) => string): string {
  const compared = results.kernels.filter(({ verdict }) => verdict !== 'alone');
  const slower = compared.filter(({ verdict }) => verdict === 'slower');
  const noisy = results.kernels.filter(({ engines }) => engines.some((engine) => engine.noisy)).length;
  const lines = [
    `${slower.length} of ${compared.length} slower than the best rival (median ratio below ${(1 - equalWithin).toFixed(2)}); ${noisy} with a noisy figure`,
  ];
  for (const { op, shape, batch, threads, best } of slower.toSorted(
    (a, b) => a.best!.ratio.median - b.best!.ratio.median,
  )) {
    lines.push(
      `  ${best!.ratio.median.toFixed(2)}× ${label(best!.rival)}: ${op} ${shape}, batch ${batch}, ${threads} threads`,
    );
  }
  const wrong = results.kernels.flatMap((row) =>
    row.engines
      .filter(({ difference }) => difference === null || (difference ?? 0) > kernelAgreement)
      .map(
        ({ engine, difference }) =>
          `  DIFFERS from ${label(engine)} by ${difference}: ${row.op} ${row.shape}, batch ${row.batch}`,
      ),
  );
  return [...lines, ...wrong].join('\n');
}

/** Results may differ by so much of the greatest element: sums of thousands of products in another order. */
export const kernelAgreement = 1e-4;

export function kernelsAgree(results: KernelsResults): boolean {
  return results.kernels.every(({ engines }) =>
    engines.every(
      ({ difference }) => difference === undefined || (difference !== null && difference <= kernelAgreement),
    ),
  );
}
