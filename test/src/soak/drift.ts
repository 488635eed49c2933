/** How much a series grows, and how much of that is more than noise. */
export interface Drift {
  /** The Theil-Sen slope (the median of the slopes between pairs of points) times the length of the series. */
  readonly total: number;
  /** What growth by chance, and by an allocator that keeps what it once had, comes to at most. */
  readonly bound: number;
}

/**
 * The drift of the memory of a process over cycles that should each leave nothing, in the unit of the series. The first
 * third is not looked at: caches fill and code is compiled there. The bound is three times the spread that is left when
 * the slope is taken away (its median absolute deviation), a hundredth of the level, and `least`.
 */
export function drift(series: readonly number[], least: number): Drift {
  const settled = series.slice(Math.floor(series.length / 3));
  const slopes: number[] = [];
  // Pairs half the series apart: near ones tell of noise only.
  const apart = Math.max(1, Math.floor(settled.length / 2));
  for (let from = 0; from + apart < settled.length; ++from) {
    slopes.push((settled[from + apart]! - settled[from]!) / apart);
  }
  const slope = median(slopes);
  const level = median(settled);
  const spread = median(
    settled.map((value, index) => Math.abs(value - level - slope * (index - settled.length / 2))),
  );
  return { total: slope * settled.length, bound: Math.max(least, 3 * spread, level / 100) };
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
