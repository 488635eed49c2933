import { setTimeout as sleep } from 'node:timers/promises';
import { type Load, readLoad } from '../machine/machine.ts';
import { watchOtherWork } from '../machine/other-work.ts';
import { type OtherWork, resultsVersion } from '../results/types.ts';
import { advise } from './advice.ts';
import { explainGpu, type GpuFacts, gpuFacts } from './gpu.ts';
import { type InstructionFacts, instructionFacts } from './instructions.ts';
import { type NativeFacts, nativeFacts, type PackageFacts, packageFacts } from './native.ts';
import { type RivalFacts, rivalFacts } from './rivals.ts';
import { type SystemFacts, systemFacts } from './system.ts';

/** Everything that `fusor-bench doctor` finds out, and what its `--json` writes. */
export interface DoctorReport {
  readonly format: 'fusor-bench';
  readonly version: typeof resultsVersion;
  readonly kind: 'doctor';
  readonly date: string;
  readonly system: SystemFacts;
  readonly instructions: InstructionFacts;
  readonly native: NativeFacts;
  readonly packages: readonly PackageFacts[];
  readonly gpu: GpuFacts & { readonly verdict: string };
  readonly rivals: readonly RivalFacts[];
  readonly load: {
    readonly system: Load;
    /** What other processes did for half a second; null where the system does not tell. */
    readonly others: OtherWork | null;
  };
  /** What to do, the most important first; empty where all is well. */
  readonly advice: readonly string[];
}

/** How long the work of other processes is watched. */
const watchMilliseconds = 600;

/** Looks at this machine and at what is installed on it; throws nothing, whatever is missing. */
export async function examine(): Promise<DoctorReport> {
  // First the load, while this process does nothing itself.
  const systemLoad = await readLoad();
  const watch = watchOtherWork();
  await sleep(watchMilliseconds);
  const others = watch.stop() ?? null;
  const gpu = await gpuFacts();
  const facts = {
    format: 'fusor-bench' as const,
    version: resultsVersion as typeof resultsVersion,
    kind: 'doctor' as const,
    date: new Date().toISOString(),
    system: await systemFacts(),
    instructions: await instructionFacts(),
    native: await nativeFacts(),
    packages: await packageFacts(),
    gpu: { ...gpu, verdict: explainGpu(gpu) },
    rivals: await rivalFacts(),
    load: { system: systemLoad, others },
  };
  return { ...facts, advice: advise(facts) };
}
