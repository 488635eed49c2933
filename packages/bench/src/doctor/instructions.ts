import { readSystem } from './system.ts';

/** Instruction sets: what the processor has, and what Fusor makes of them. */
export interface InstructionFacts {
  /** Kernels of Fusor that this processor can run, the best last. */
  readonly supported: readonly string[];
  /** What decides between them, as the system names it: `avx2`, `fma`, `avx512f`. */
  readonly features: readonly string[];
  /** The set in FUSOR_ISA; null where it is not set. */
  readonly forced: string | null;
}

/** Features of each set of kernels, as /proc/cpuinfo names them: the levels of the x86-64 ABI. */
const levels = [
  { name: 'baseline', needs: ['ssse3', 'sse4_1', 'sse4_2', 'popcnt'] },
  { name: 'avx2', needs: ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe'] },
  { name: 'avx512', needs: ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl'] },
] as const;

/** Features beyond those that say what later kernels could use. */
const further = ['avx_vnni', 'avx512_vnni', 'avx512_bf16', 'avx512_fp16', 'amx_tile', 'amx_bf16', 'amx_int8'];

export async function instructionFacts(): Promise<InstructionFacts> {
  const forced = process.env.FUSOR_ISA ?? null;
  if (process.arch === 'arm64') return { supported: ['neon'], features: ['neon'], forced };
  const line = /^flags\s*:\s*(.*)$/m.exec((await readSystem('/proc/cpuinfo')) ?? '')?.[1] ?? '';
  return { ...fromFlags(line.split(' ')), forced };
}

/** From the flags of /proc/cpuinfo. */
export function fromFlags(flags: readonly string[]): Omit<InstructionFacts, 'forced'> {
  const has = new Set(flags);
  const supported: string[] = [];
  for (const { name, needs } of levels) {
    if (!needs.every((feature) => has.has(feature))) break;
    supported.push(name);
  }
  const known = [...levels.flatMap(({ needs }) => needs), ...further];
  return { supported, features: known.filter((feature) => has.has(feature)) };
}
