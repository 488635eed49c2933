/** What a row of a table says about many timings: the middle one, and the half of them around it. */
export interface Spread {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly count: number;
}

/**
 * Median and quartiles of `samples`. The median is what a row shows, because a machine that others use too makes some
 * runs slow and none fast; the quartiles say how far to trust it.
 */
export function spread(samples: readonly number[]): Spread {
  return {
    median: quantile(samples, 0.5),
    lowerQuartile: quantile(samples, 0.25),
    upperQuartile: quantile(samples, 0.75),
    count: samples.length,
  };
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/**
 * The value below which a `fraction` of the samples lies, with linear interpolation between neighbours: the default of
 * numpy.quantile (Hyndman and Fan 1996, type 7).
 */
export function quantile(samples: readonly number[], fraction: number): number {
  if (samples.length === 0) throw new RangeError('quantile: no samples');
  const sorted = samples.toSorted((a, b) => a - b);
  const position = fraction * (sorted.length - 1);
  const below = Math.floor(position);
  const lower = sorted[below]!;
  const upper = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return lower + (upper - lower) * (position - below);
}
