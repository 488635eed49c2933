import type { PlanStep } from '@fusor/native/trace';
import { formatTable } from '../table.ts';

/** Time of one step of a plan. */
export interface ProfileStep extends PlanStep {
  /** Median over the runs. */
  readonly seconds: number;
  /** Of the whole, from 0 to 1. */
  readonly share: number;
}

/** Where the time of a run goes. */
export interface Profile {
  readonly steps: readonly ProfileStep[];
  /** The sum of the steps. */
  readonly seconds: number;
  /** A table. */
  toString(): string;
}

/** Puts steps and their times together. */
export function profileOf(steps: readonly PlanStep[], times: Float64Array): Profile {
  const seconds = times.reduce((sum, time) => sum + time, 0);
  const timed = steps.map((step, index) => ({
    ...step,
    seconds: times[index]!,
    share: seconds > 0 ? times[index]! / seconds : 0,
  }));
  return { steps: timed, seconds, toString: () => printProfile(timed, seconds) };
}

function printProfile(steps: readonly ProfileStep[], seconds: number): string {
  const table = formatTable(
    ['step', 'operation', 'algorithm', 'ms', '%', 'GFLOP/s', 'GB/s'],
    steps.map((step) => [
      step.name,
      step.op,
      step.algorithm,
      (step.seconds * 1e3).toFixed(3),
      (step.share * 100).toFixed(1),
      step.flops > 0 && step.seconds > 0 ? (step.flops / step.seconds / 1e9).toFixed(1) : '',
      step.seconds > 0 ? (step.bytes / step.seconds / 1e9).toFixed(1) : '',
    ]),
  );
  return `${table}\n\n${(seconds * 1e3).toFixed(3)} ms in all`;
}
