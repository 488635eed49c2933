import type { GpuState } from '../machine/gpu.ts';
import type { Load, Machine } from '../machine/machine.ts';
import type { Spread } from '../timing/statistics.ts';

/**
 * Version of the results files. It grows when a reader of the old form would misread the new one; new optional fields
 * do not change it.
 */
export const resultsVersion = 1;

/** What every results file says, whatever was measured. */
export interface Envelope {
  readonly format: 'fusor-bench';
  readonly version: typeof resultsVersion;
  /** When the run ended, ISO 8601. */
  readonly date: string;
  /** The arguments that made it, without the name of the program: `['models', 'resnet18', '--batch', '1']`. */
  readonly command: readonly string[];
  readonly fusor: {
    readonly version: string;
    /** Of the checkout that was measured; absent for an installed package. Ends in `+` with uncommitted changes. */
    readonly commit?: string;
  };
  readonly machine: Machine;
  readonly device: DeviceSummary;
  /** What the machine was doing besides. */
  readonly load: { readonly before: Load; readonly after: Load; readonly during?: OtherWork };
  /** Clocks, temperature and power of the GPU that was measured; absent where none was, or its driver's tool is not there. */
  readonly gpu?: GpuState;
  /** Turns of each engine. */
  readonly rounds: number;
  /** Seconds that each engine ran per row, over all rounds. */
  readonly secondsPerEngine: number;
  /** A figure is called noisy when its quartiles are further apart than this share of its median. */
  readonly noiseBound: number;
}

export interface DeviceSummary {
  /** `'cpu'`, `'cuda:0'` */
  readonly id: string;
  readonly name: string;
  /** `'avx2'` */
  readonly instructionSet: string;
}

/** Work of others while the figures were taken, sampled throughout the run. */
export interface OtherWork {
  readonly samples: number;
  /** Cores kept busy by other processes: mean, and the worst sample. */
  readonly meanCores: number;
  readonly maxCores: number;
  /** Cores' time that a hypervisor gave to other machines, in the mean. */
  readonly meanStolenCores: number;
}

/** A way of computing that is measured: one of ours, or another engine. */
export interface EngineInfo {
  /** What rows refer to: `'compiled'`, `'eager'`, `'onnxruntime'`, `'tfjs'`, `'pytorch'`, `'onednn'`. */
  readonly id: string;
  /** For people: `'fusor compiled'`, `'onnxruntime-node 1.30.0'`. */
  readonly label: string;
  readonly kind: 'fusor' | 'rival';
  /** How it was set up, in a few words. */
  readonly settings?: string;
}

/** A rival that was asked for and could not run. */
export interface MissingEngine {
  readonly id: string;
  readonly label: string;
  /** Why, and how to get it. */
  readonly reason: string;
}

/** What this machine can do at most, with so many threads. */
export interface Ceiling {
  readonly threads: number;
  /** f32 multiply-adds in registers; the best of several measurements. */
  readonly peakGflops: number;
  /** Large products on a GPU's tensor cores, by the type of their operands; absent where there are none. */
  readonly tensorGflops?: { readonly tf32: number; readonly f16: number; readonly bf16: number };
  readonly bandwidths: readonly Bandwidth[];
}

/** What a network computes in. */
export type Precision = 'f32' | 'f16' | 'bf16';

/** The ceiling of what computes in `precision`: with the peak of that. */
export function ceilingIn(ceiling: Ceiling, precision: Precision = 'f32'): Ceiling {
  const tensor = precision === 'f32' ? undefined : ceiling.tensorGflops?.[precision];
  return tensor === undefined ? ceiling : { ...ceiling, peakGflops: tensor };
}

/** Speed of memory at one level of the hierarchy. */
export interface Bandwidth {
  readonly level: 'L1' | 'L2' | 'L3' | 'DRAM';
  /** Source and target of all threads together. */
  readonly bytes: number;
  /** Bytes read plus bytes written by a plain copy, GB/s, of all threads together. */
  readonly copy: number;
  /** Bytes read by a plain comparison of two equal arrays, GB/s; absent where it was not measured: on GPUs. */
  readonly read?: number;
}

/** Time of one engine. */
export interface Timing {
  /** The id of an engine of the file. */
  readonly engine: string;
  /** Time of one run, over the rounds. */
  readonly milliseconds: Spread;
  /** The quartiles are further apart than `noiseBound` allows: believe the ratios, if anything. */
  readonly noisy: boolean;
  /** Median of each round, in the order of the rounds: rounds of one row were measured side by side. */
  readonly rounds: readonly number[];
}

/** A rival next to Fusor, round by round. */
export interface Speedup {
  /** The id of the rival. */
  readonly rival: string;
  /** Rival's time over ours: above 1 where Fusor is faster. */
  readonly ratio: Spread;
}

/** A step of a compiled plan. */
export interface Layer {
  /** The modules in it: `layer1.0.conv1 + layer1.0.bn1 + layer1.0.relu`. */
  readonly name: string;
  readonly op: string;
  readonly algorithm: string;
  readonly instructionSet: string;
  /** Of the mathematical operation; 0 where only bytes are moved. */
  readonly flops: number;
  /** Least traffic: inputs, weights and outputs once each. */
  readonly bytes: number;
  /** Within the network, so with the caches as the layer before left them. */
  readonly seconds: Spread;
}
