import type { DoctorReport } from './doctor.ts';
import { explainGpu, leastDriver } from './gpu.ts';

/** Below this a network with its weights and images may not fit, or the system begins to swap. */
const littleMemory = 2 ** 30;

/** Cores that others may use before figures suffer. */
const quiet = 0.1;

/** What would make Fusor work, or faster, or figures steadier; the most important first. */
export function advise(report: Omit<DoctorReport, 'advice'>): string[] {
  return [
    ...ofNative(report),
    ...ofInstructions(report),
    ...ofGpu(report),
    ...ofSystem(report),
    ...ofRivals(report),
  ];
}

type Facts = Omit<DoctorReport, 'advice'>;

function ofNative({ native }: Facts): string[] {
  if (native.loaded) return [];
  return [`The native part of Fusor is not loaded, so nothing can be computed. ${native.error}`];
}

function ofInstructions({ native, instructions: { supported, forced } }: Facts): string[] {
  const cpu = native.loaded ? native.devices.find(({ id }) => id === 'cpu') : undefined;
  if (cpu !== undefined && !cpu.available)
    return [`The CPU cannot be used: ${cpu.reason ?? 'no reason given'}.`];
  const best = supported.at(-1);
  if (forced !== null && best !== undefined && forced !== best) {
    return [`FUSOR_ISA=${forced} forces an instruction set; without it ${best} would be used.`];
  }
  if (process.arch === 'x64' && process.platform === 'linux' && !supported.includes('avx2')) {
    return [
      'This processor, or the virtual machine around it, has no AVX2 and FMA: expect a quarter of the speed.',
    ];
  }
  return [];
}

function ofGpu({ gpu, packages, native }: Facts): string[] {
  const { cards, driver, deviceFiles } = gpu;
  if (cards.length === 0 && driver === null && deviceFiles.length === 0) return [];
  const cuda = native.loaded
    ? native.devices.find(({ id }) => id.startsWith('cuda:') || id === 'cuda')
    : undefined;
  if (cuda?.available === true) return [];
  const usable = driver !== null && Number.parseInt(driver, 10) >= leastDriver;
  if (!usable) return [`GPU: ${explainGpu(gpu)}.`];
  if (packages.some(({ name, version }) => name === '@fusor/cuda' && version === null)) {
    return ['There is an NVIDIA GPU, but @fusor/cuda is not installed (npm install @fusor/cuda).'];
  }
  return [`GPU: ${cuda?.reason ?? explainGpu(gpu)}.`];
}

function ofSystem({ system, load }: Facts): string[] {
  const { cores, memory, hugePages, governor } = system;
  const advice: string[] = [];
  const { quota, allowed } = cores;
  if (quota !== null && quota < allowed) {
    advice.push(
      `A control group allows ${quota} of ${allowed} cores' time: more threads than ${Math.max(1, Math.floor(quota))} would be stopped in the middle of a layer.`,
    );
  }
  const room = Math.min(memory.available, memory.limit ?? Number.POSITIVE_INFINITY);
  if (room < littleMemory) advice.push(`Only ${Math.round(room / 2 ** 20)} MiB of memory are free.`);
  if (hugePages.transparent === 'never') {
    advice.push(
      'Transparent huge pages are off; large weights cost more address lookups. As root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled',
    );
  }
  if (governor === 'powersave' || governor === 'conservative') {
    advice.push(
      `The clock governor is ${governor}: figures will wander. As root: cpupower frequency-set -g performance`,
    );
  }
  if (load.others !== null && load.others.meanCores > quiet) {
    advice.push(
      `Other processes use ${load.others.meanCores.toFixed(2)} cores right now: figures of now are worth little.`,
    );
  }
  if (load.others !== null && load.others.meanStolenCores > quiet / 2) {
    advice.push(
      `The hypervisor gives ${load.others.meanStolenCores.toFixed(2)} cores' time to other machines: compare ratios, not times.`,
    );
  }
  return advice;
}

function ofRivals({ rivals }: Facts): string[] {
  return rivals
    .filter(({ id, available }) => id === 'onnxruntime' && !available)
    .map(({ note }) => `There is nothing to compare whole networks with: ${note}.`);
}
