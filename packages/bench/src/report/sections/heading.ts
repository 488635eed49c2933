import type { Results } from '../../results/index.ts';
import type { Table } from '../page/view.ts';
import { bytesText, counted, dateText, digits, percent } from './format.ts';
import { enginesOf, groupBy, type Source } from './gather.ts';

/** `fusor-bench models resnet18 --batch 1`, as a shell would take it. */
export function commandText(command: readonly string[]): string {
  return ['fusor-bench', ...command]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}

export function machineText(results: Results): string {
  return `${results.machine.processor}, ${coresText(results)}`;
}

export function coresText({ machine, device }: Results): string {
  const parts = [
    counted(machine.logicalCores, 'logical core'),
    device.instructionSet,
    `${bytesText(machine.memoryBytes)} of memory`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function loadText({ load }: Results): string {
  const { before, after, during } = load;
  if (during === undefined) {
    return `load average ${before.average.toFixed(2)} before, ${after.average.toFixed(2)} after`;
  }
  const stolen =
    during.meanStolenCores >= 0.005 ? `; ${during.meanStolenCores.toFixed(2)} taken by the hypervisor` : '';
  return `others kept ${during.meanCores.toFixed(2)} cores busy on average, ${during.maxCores.toFixed(2)} at worst${stolen}`;
}

function fusorText({ fusor }: Results): string {
  return fusor.commit === undefined ? fusor.version : `${fusor.version}, commit ${fusor.commit}`;
}

/** Machine, versions, settings: each fact once where all runs agree. */
export function facts(sources: readonly Source[]): [string, string][] {
  const runs = sources.map(({ results }) => results);
  const unique = (values: readonly string[]) => [...new Set(values)].join('; ');
  const competitors = runs.flatMap((run) => (run.kind === 'roofline' ? [] : [run]));
  const rivals = enginesOf(competitors).filter(({ kind }) => kind === 'rival');
  const missing = new Map(competitors.flatMap((run) => run.missing.map((entry) => [entry.id, entry])));
  for (const { id } of rivals) missing.delete(id);
  const ceilings = runs.flatMap((run) => (run.kind === 'start' ? [] : run.ceilings));
  const peaks = [...groupBy(ceilings, ({ threads }) => threads)]
    .sort(([a], [b]) => a - b)
    .map(
      ([threads, group]) =>
        `${digits(Math.max(...group.map(({ peakGflops }) => peakGflops)))} GFLOP/s with ${counted(threads, 'thread')}`,
    );
  const tensor = ceilings.flatMap(({ tensorGflops }) => (tensorGflops === undefined ? [] : [tensorGflops]));
  const tensorPeaks = (['tf32', 'f16', 'bf16'] as const).map(
    (type) => `${digits(Math.max(...tensor.map((peak) => peak[type])))} GFLOP/s in ${type}`,
  );
  return [
    ['Machine', unique(runs.map(machineText))],
    ['System', unique(runs.map(({ machine }) => `${machine.platform}, Node ${machine.node}`))],
    ['Device', unique(runs.map(({ device }) => `${device.id}: ${device.name}`))],
    ['Fusor', unique(runs.map(fusorText))],
    ...rivals.map(({ label, settings }): [string, string] => [
      'Rival',
      settings === undefined ? label : `${label}: ${settings}`,
    ]),
    ...[...missing.values()].map(({ label, reason }): [string, string] => [
      'Not compared',
      `${label}: ${reason}`,
    ]),
    ...(peaks.length === 0 ? [] : [['Measured f32 peak', peaks.join(', ')] as [string, string]]),
    ...(tensor.length === 0 ? [] : [['Tensor cores, measured', tensorPeaks.join(', ')] as [string, string]]),
    [
      'Method',
      'Engines take turns, A B C, B C A, …; a turn’s figure is the median of its runs, a row’s the median of the turns. Ratios are taken within a turn. Weights and inputs are random.',
    ],
    [
      'Noise',
      unique(
        runs.map(
          ({ noiseBound }) =>
            `a figure is called noisy when its quartiles are further apart than ${percent(noiseBound)} of its median`,
        ),
      ),
    ],
  ];
}

/** Each run: when, how long, next to what other work, and the command that repeats it. */
export function runsTable(sources: readonly Source[]): Table {
  return {
    caption: 'Runs',
    columns: [
      { title: 'Date', align: 'left' },
      { title: 'Command', align: 'left' },
      { title: 'Rounds', align: 'right' },
      { title: 'Seconds per row', align: 'right' },
      { title: 'Other work', align: 'left' },
      { title: 'Fusor', align: 'left' },
    ],
    rows: sources.map(({ results }) => [
      dateText(results.date),
      commandText(results.command),
      String(results.rounds),
      digits(results.secondsPerEngine),
      loadText(results),
      fusorText(results),
    ]),
  };
}

/** Other work of less than this share of a core is what any system does. */
const calmCores = 0.15;

export function runWarnings(sources: readonly Source[]): string[] {
  const warnings: string[] = [];
  const machines = new Set(sources.map(({ results }) => machineText(results)));
  if (machines.size > 1) warnings.push('These runs come from different machines: compare ratios, not times.');
  for (const { name, results } of sources) {
    const { during } = results.load;
    if (during !== undefined && during.meanCores + during.meanStolenCores > calmCores) {
      warnings.push(
        `${name}: the machine had other work (${loadText(results)}). Ratios survive that better than times.`,
      );
    }
  }
  return warnings;
}
