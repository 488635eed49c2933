import type { GpuState, Range } from './machine/gpu.ts';
import type { Load } from './machine/machine.ts';
import type { Ceiling, EngineInfo, Envelope, MissingEngine } from './results/types.ts';
import type { Spread } from './timing/statistics.ts';

/** What every table begins with: on what, with what, next to what other work. */
export function formatEnvelope(
  results: Envelope & {
    readonly engines?: readonly EngineInfo[];
    readonly missing?: readonly MissingEngine[];
    readonly ceilings?: readonly Ceiling[];
  },
): string[] {
  const { machine, device, fusor, load } = results;
  const lines = [
    `${machine.processor}, ${machine.logicalCores} logical cores, ${machine.platform}, Node ${machine.node}`,
    `device ${device.id} (${device.instructionSet}), Fusor ${fusor.version}${fusor.commit === undefined ? '' : ` at ${fusor.commit}`}`,
    ...(results.ceilings ?? []).map(formatCeiling),
    `other load: ${formatLoad(load.before)} before, ${formatLoad(load.after)} after${formatDuring(load.during)}`,
    ...(results.gpu === undefined ? [] : [formatGpu(results.gpu)]),
    `random data; medians of ${plural(results.rounds, 'round')} (quartiles), engines in turns; noisy: quartiles more than ${100 * results.noiseBound}% apart`,
  ];
  for (const { label, reason } of results.missing ?? []) lines.push(`no ${label}: ${reason}`);
  return lines;
}

function formatCeiling({ threads, peakGflops, tensorGflops, bandwidths }: Ceiling): string {
  const rates = bandwidths.map(
    ({ level, copy, read }) =>
      `${level} ${copy.toFixed(0)}${read === undefined ? '' : `/${read.toFixed(0)}`}`,
  );
  const tensor = Object.entries(tensorGflops ?? {}).map(([type, gflops]) => `, ${type} ${gflops.toFixed(0)}`);
  return `${plural(threads, 'thread')}: f32 peak ${peakGflops.toFixed(0)}${tensor.join('')} GFLOP/s; copy/read ${rates.join(', ')} GB/s (measured)`;
}

/** `GPU: 1755 to 1980 MHz, memory 2619 MHz, 41 to 63 °C, 120 to 640 W; held down by power or heat in 12% of the samples` */
export function formatGpu({
  processorMegahertz,
  memoryMegahertz,
  celsius,
  watts,
  heldDown,
}: GpuState): string {
  const range = ([least, most]: Range) =>
    least === most ? least.toFixed(0) : `${least.toFixed(0)} to ${most.toFixed(0)}`;
  const held =
    heldDown === 0 ? '' : `; held down by power or heat in ${(100 * heldDown).toFixed(0)}% of the samples`;
  return `GPU: ${range(processorMegahertz)} MHz, memory ${range(memoryMegahertz)} MHz, ${range(celsius)} °C, ${range(watts)} W${held}`;
}

function formatDuring(during: Envelope['load']['during']): string {
  if (during === undefined) return '';
  const stolen = during.meanStolenCores > 0.01 ? `, ${during.meanStolenCores.toFixed(2)} cores stolen` : '';
  return `; others used ${during.meanCores.toFixed(2)} cores in the mean during it (at most ${during.maxCores.toFixed(2)})${stolen}`;
}

function formatLoad({ average, running }: Load): string {
  return `${average.toFixed(2)}${running === undefined ? '' : ` (${running} running now)`}`;
}

/** `12.00 (11.80 – 12.40)` */
export function formatSpread({ median, lowerQuartile, upperQuartile }: Spread, digits = 2): string {
  return `${median.toFixed(digits)} (${lowerQuartile.toFixed(digits)} – ${upperQuartile.toFixed(digits)})`;
}

export function plural(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
