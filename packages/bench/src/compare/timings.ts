import type { Timing } from '../results/types.ts';
import { type RatioEstimate, rankSum, ratioEstimate } from './rank-sum.ts';

export type Verdict = 'faster' | 'slower' | 'noise';

export interface CompareOptions {
  /**
   * How often two runs of the same thing may be called different by chance. 0.01 by default: a run has dozens of rows,
   * and five rounds on either side suffice for it (two sets of five that do not overlap at all have p = 0.008).
   */
  readonly alpha?: number;
  /** Changes of no more than this share are noise whatever the test says: builds and boots differ by as much. Default 0.02. */
  readonly threshold?: number;
}

export const compareDefaults = { alpha: 0.01, threshold: 0.02 } as const;

/** One engine on one row, then and now. */
export interface Comparison {
  /** Time before over time now, or rather its estimate from all pairs of rounds: above 1 where it is faster now. */
  readonly speed: RatioEstimate;
  /** Two-sided, of the rank-sum test. */
  readonly p: number;
  readonly verdict: Verdict;
  /** Why it is noise, where that is not because the rounds agree. */
  readonly note?: 'too few rounds' | 'too small';
}

/** Compares two sets of rounds of the same thing, measured in two runs. */
export function compareRounds(
  before: readonly number[],
  after: readonly number[],
  { alpha = compareDefaults.alpha, threshold = compareDefaults.threshold }: CompareOptions = {},
): Comparison {
  const { p } = rankSum(before, after);
  const speed = ratioEstimate(before, after, 1 - alpha);
  if (p > alpha) {
    const few = leastP(before.length, after.length) > alpha;
    return { speed, p, verdict: 'noise', ...(few ? { note: 'too few rounds' } : {}) };
  }
  if (speed.median <= 1 + threshold && speed.median >= 1 / (1 + threshold)) {
    return { speed, p, verdict: 'noise', note: 'too small' };
  }
  return { speed, p, verdict: speed.median > 1 ? 'faster' : 'slower' };
}

/** The p of two sets that do not overlap: two of C(n + m, n) orders. */
function leastP(n: number, m: number): number {
  let orders = 1;
  for (let index = 1; index <= n; ++index) orders *= (m + index) / index;
  return 2 / orders;
}

/**
 * Times as multiples of what another engine took in the same round: what slowed the machine in one of two runs meets
 * both engines, and is gone from the ratio.
 */
export function relativeRounds(own: Timing, rival: Timing): number[] {
  return own.rounds
    .slice(0, rival.rounds.length)
    .map((milliseconds, round) => milliseconds / rival.rounds[round]!);
}
