import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './statistics.ts';

/** One way to run a network. */
export interface Contestant {
  readonly name: string;
  /** Resolves when the results are in JavaScript's hands. */
  run(): Promise<void>;
  /**
   * Runs for about so long, at least once, and gives the median milliseconds of a run. For those that are measured
   * where they run, in a process of their own; all others are timed here, around `run`.
   */
  turn?(milliseconds: number): Promise<number>;
  /** Whether its failure ends only its own part: so it is with rivals. */
  readonly optional?: boolean;
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
  /** Called when an optional contestant fails; it has no more turns. */
  readonly onFailure?: (index: number, error: unknown) => void;
  /** The clock in milliseconds; tests give their own. */
  readonly now?: () => number;
}

/** Milliseconds per run: for each contestant, in the order given, the median of every round; none where it failed. */
export type RoundTimes = readonly (readonly number[])[];

/** Unmeasured runs before the first round: the first touches memory, the second is warm. */
export const warmUpRuns = 2;

/** Runs longer than this need no other to warm caches and clocks: that takes a millisecond or so. */
const longRun = 300;

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
  const failed = new Set<number>();
  const last: number[] = [];
  const attempt = async (index: number, work: () => Promise<void>) => {
    if (failed.has(index)) return;
    try {
      await work();
    } catch (error) {
      if (contestants[index]!.optional !== true) throw error;
      failed.add(index);
      options.onFailure?.(index, error);
    }
  };
  for (const [index, contestant] of contestants.entries()) {
    await attempt(index, async () => {
      for (let run = 0; run < warmUpRuns && (last[index] ?? 0) < longRun; ++run) {
        const begin = now();
        await contestant.run();
        last[index] = now() - begin;
      }
    });
  }
  const times: number[][] = contestants.map(() => []);
  const turnMilliseconds = (1000 * options.seconds) / options.rounds;
  for (let round = 0; round < options.rounds; ++round) {
    for (let turn = 0; turn < contestants.length; ++turn) {
      const index = (round + turn) % contestants.length;
      const contestant = contestants[index]!;
      await attempt(index, async () => {
        await sleep(options.pauseMilliseconds);
        // After a pause the caches and the clock rate are cold for whoever comes; one run wakes them.
        if (last[index]! < longRun) await contestant.run();
        last[index] = await (contestant.turn?.(turnMilliseconds) ??
          timedTurn(contestant, turnMilliseconds, now));
        times[index]!.push(last[index]!);
      });
      options.onTurn?.();
    }
  }
  return times.map((rounds, index) => (failed.has(index) ? [] : rounds));
}

async function timedTurn(contestant: Contestant, milliseconds: number, now: () => number): Promise<number> {
  const runs: number[] = [];
  const begin = now();
  let last = begin;
  do {
    await contestant.run();
    const end = now();
    runs.push(end - last);
    last = end;
  } while (last - begin < milliseconds);
  return median(runs);
}

/** `rival / own`, round by round: above 1 where `own` is faster. */
export function ratios(own: readonly number[], rival: readonly number[]): number[] {
  return own.map((time, round) => rival[round]! / time);
}
