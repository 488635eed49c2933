import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './statistics.ts';

/** One way to run a network: `run` resolves when the results are in JavaScript's hands. */
export interface Contestant {
  readonly name: string;
  run(): Promise<void>;
}

export interface RoundsOptions {
  /** How often each contestant has its turn. */
  readonly rounds: number;
  /** How long each contestant runs over all rounds together; in each round at least once. */
  readonly seconds: number;
  /**
   * Quiet time before each turn. Thread pools, onnxruntime's above all, spin for a while after a run in case another
   * comes: without a pause the next contestant would pay for that with its cores.
   */
  readonly pauseMilliseconds: number;
  /** Called after every turn. */
  readonly onTurn?: () => void;
  /** The clock in milliseconds; tests give their own. */
  readonly now?: () => number;
}

/** Milliseconds per run: for each contestant, in the order given, the median of every round. */
export type RoundTimes = readonly (readonly number[])[];

/** Unmeasured runs before the first round: the first touches memory, the second is warm. */
export const warmUpRuns = 2;

/**
 * Times contestants in turns: A B C, B C A, C A B, … What slows the machine for a second (other jobs, heat) then meets
 * all of them, and ratios within a round hold even where times do not. The order turns with the round, so that none
 * always follows the same other.
 */
export async function measureRounds(
  contestants: readonly Contestant[],
  options: RoundsOptions,
): Promise<RoundTimes> {
  const now = options.now ?? (() => performance.now());
  for (const contestant of contestants) {
    for (let run = 0; run < warmUpRuns; ++run) await contestant.run();
  }
  const times: number[][] = contestants.map(() => []);
  const turnMilliseconds = (1000 * options.seconds) / options.rounds;
  for (let round = 0; round < options.rounds; ++round) {
    for (let turn = 0; turn < contestants.length; ++turn) {
      const index = (round + turn) % contestants.length;
      const contestant = contestants[index]!;
      await sleep(options.pauseMilliseconds);
      // After a pause the caches and the clock rate are cold for whoever comes; one run wakes them.
      await contestant.run();
      const runs: number[] = [];
      const begin = now();
      let last = begin;
      do {
        await contestant.run();
        const end = now();
        runs.push(end - last);
        last = end;
      } while (last - begin < turnMilliseconds);
      times[index]!.push(median(runs));
      options.onTurn?.();
    }
  }
  return times;
}

/** `rival / own`, round by round: above 1 where `own` is faster. */
export function ratios(own: readonly number[], rival: readonly number[]): number[] {
  return own.map((time, round) => rival[round]! / time);
}
