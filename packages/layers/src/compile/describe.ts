import type { Device, DType } from '@fusor/native';
import type { PlanStep } from '@fusor/native/trace';
import { formatShort, formatTable } from '../table.ts';
import type { BuiltPlan } from './build.ts';
import type { PlanSource } from './plan.ts';

/** A value that goes in or comes out. */
export interface ValueDescription {
  readonly name?: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** What a plan consists of. */
export interface PlanDescription {
  /** The class of the model. */
  readonly model: string;
  readonly device: Device;
  /** Those of the steps, usually one. */
  readonly instructionSets: readonly string[];
  /** 0: as many as the pool has. */
  readonly threads: number;
  readonly inputs: readonly ValueDescription[];
  readonly outputs: readonly ValueDescription[];
  /** Operations that `forward` called. */
  readonly tracedOperations: number;
  /** Operations after the passes. */
  readonly operations: number;
  /** How often each pass found its pattern, without those that found none. */
  readonly passes: Readonly<Record<string, number>>;
  /** Of one run: two for each multiply and add of the direct algorithms. */
  readonly flops: number;
  /** Least memory traffic of one run: inputs, weights and outputs of all steps. */
  readonly bytes: number;
  /** Memory for the weights, in the layouts that the kernels read. */
  readonly packedBytes: number;
  /** Memory for intermediate values. */
  readonly arenaBytes: number;
  readonly steps: readonly PlanStep[];
}

/** The description of what a plan has built. */
export function describePlan({ name, options }: PlanSource, built: BuiltPlan): PlanDescription {
  const { native, graph, traced, counts } = built;
  const steps = native.steps();
  const { packedBytes, arenaBytes } = native.summary();
  return {
    model: name,
    device: native.device,
    instructionSets: [...new Set(steps.map((step) => step.instructionSet))],
    threads: options.build.threads,
    inputs: graph.inputs.map(({ name: input, dtype, shape }) => ({ name: input!, dtype, shape })),
    outputs: graph.outputs.map(({ dtype, shape }) => ({ dtype, shape })),
    tracedOperations: traced,
    operations: graph.nodes.length,
    passes: Object.fromEntries([...counts].filter(([, count]) => count > 0)),
    flops: steps.reduce((sum, step) => sum + step.flops, 0),
    bytes: steps.reduce((sum, step) => sum + step.bytes, 0),
    packedBytes,
    arenaBytes,
    steps,
  };
}

/** A description as text: what it is, what was fused, and a table of its steps. */
export function printDescription(description: PlanDescription): string {
  const { model, device, instructionSets, threads, inputs, outputs, passes } = description;
  const where = [...instructionSets, threads === 0 ? 'all threads' : `${threads} threads`].join(', ');
  const found = Object.entries(passes).map(([pass, count]) => `${pass}: ${count}`);
  const lines = [
    `${model} on ${device} (${where})`,
    `  in   ${inputs.map(printValue).join(', ')}`,
    `  out  ${outputs.map(printValue).join(', ')}`,
    `  ${description.tracedOperations} operations became ${description.operations}${found.length === 0 ? '' : ` (${found.join(', ')})`}`,
    `  ${formatShort(description.flops)}FLOP, least traffic ${formatShort(description.bytes)}B; ` +
      `packed weights ${formatShort(description.packedBytes)}B, arena ${formatShort(description.arenaBytes)}B`,
  ];
  const table = formatTable(
    ['step', 'operation', 'algorithm', 'on', 'MFLOP', 'kB'],
    description.steps.map((step) => [
      step.name,
      step.op,
      step.algorithm,
      `${device} ${step.instructionSet}`,
      step.flops === 0 ? '' : (step.flops / 1e6).toFixed(2),
      (step.bytes / 1e3).toFixed(1),
    ]),
  );
  return `${lines.join('\n')}\n\n${table}`;
}

function printValue({ name, dtype, shape }: ValueDescription): string {
  const type = `${dtype} [${shape.join(', ')}]`;
  return name === undefined ? type : `${name}: ${type}`;
}
