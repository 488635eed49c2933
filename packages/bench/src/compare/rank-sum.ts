// The rank-sum test of Wilcoxon (1945) and of Mann and Whitney (1947), and the estimate of a shift that belongs to it.
// Hollander, Wolfe and Chicken, Nonparametric Statistical Methods (3rd edition, 2014), sections 4.1 to 4.3: the numbers
// are those of R's wilcox.test. It asks of two samples whether one tends to be larger, and knows nothing of their
// distribution: times have a hard floor and a long tail, which a t-test does not like.

/** Up to so many pairs the distribution is computed exactly; beyond, the normal approximation is good to three digits. */
const exactPairs = 2500;

export interface RankSum {
  /** Pairs (a, b) with a > b, ties counting half: U of the first sample. */
  readonly u: number;
  /** Two-sided probability of a U at least so far from its middle, were both samples from one distribution. */
  readonly p: number;
}

/** @throws RangeError for an empty sample */
export function rankSum(a: readonly number[], b: readonly number[]): RankSum {
  if (a.length === 0 || b.length === 0) throw new RangeError('rankSum: no samples');
  const { doubledRanks, ties } = rank([...a, ...b]);
  const [n, m] = [a.length, b.length];
  // Ranks are doubled, so that the mean rank of a tie is a whole number.
  const sum = doubledRanks.slice(0, n).reduce((total, value) => total + value, 0);
  const u = sum / 2 - (n * (n + 1)) / 2;
  if (n * m > exactPairs) return { u, p: normalP(u, n, m, ties) };
  const counts = subsetSums(doubledRanks, n);
  const middle = n * (n + m + 1);
  const distance = Math.abs(sum - middle);
  let all = 0;
  let extreme = 0;
  for (const [value, count] of counts.entries()) {
    all += count;
    if (Math.abs(value - middle) >= distance) extreme += count;
  }
  return { u, p: extreme / all };
}

/** Twice the rank of each value, ties sharing their mean; and the sizes of the ties. */
function rank(values: readonly number[]): { doubledRanks: number[]; ties: number[] } {
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  const doubledRanks = Array<number>(values.length);
  const ties: number[] = [];
  for (let begin = 0; begin < order.length; ) {
    let end = begin + 1;
    while (end < order.length && values[order[end]!] === values[order[begin]!]) ++end;
    for (let place = begin; place < end; ++place) doubledRanks[order[place]!] = begin + 1 + end;
    if (end - begin > 1) ties.push(end - begin);
    begin = end;
  }
  return { doubledRanks, ties };
}

/** In how many ways `size` of the values add up to each sum. */
function subsetSums(values: readonly number[], size: number): Float64Array {
  const width = values.reduce((total, value) => total + value, 0) + 1;
  const ways = Array.from({ length: size + 1 }, () => new Float64Array(width));
  ways[0]![0] = 1;
  for (const [index, value] of values.entries()) {
    for (let count = Math.min(size, index + 1); count > 0; --count) {
      const [from, to] = [ways[count - 1]!, ways[count]!];
      for (let sum = width - 1; sum >= value; --sum) to[sum]! += from[sum - value]!;
    }
  }
  return ways[size]!;
}

/** With the corrections for ties and for continuity. */
function normalP(u: number, n: number, m: number, ties: readonly number[]): number {
  const all = n + m;
  const tied = ties.reduce((total, size) => total + size ** 3 - size, 0) / (all * (all - 1));
  const deviation = Math.sqrt(((n * m) / 12) * (all + 1 - tied));
  if (deviation === 0) return 1;
  const z = Math.max(0, Math.abs(u - (n * m) / 2) - 0.5) / deviation;
  return 2 * upperTail(z);
}

/** P(Z > z) of the normal distribution, z ≥ 0, to 1e-7: Abramowitz and Stegun (1964), 26.2.17. */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const series =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series;
}

/** How many times as large the values of one sample are as those of another. */
export interface RatioEstimate {
  /** The median of all ratios of a value of the one to a value of the other: Hodges and Lehmann's estimate. */
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  /** That the true ratio lies between `lower` and `upper`; less than asked for where the samples are too few. */
  readonly confidence: number;
}

/**
 * `a / b` with an interval of confidence. The interval holds every ratio that the rank-sum test would not reject, so
 * that it leaves out 1 exactly where the test finds a difference.
 *
 * @param confidence such as 0.95
 */
export function ratioEstimate(a: readonly number[], b: readonly number[], confidence: number): RatioEstimate {
  const pairs = a.flatMap((left) => b.map((right) => left / right)).sort((x, y) => x - y);
  const [n, m] = [a.length, b.length];
  const middle = pairs.length / 2;
  const median = (pairs[Math.ceil(middle) - 1]! + pairs[Math.floor(middle)]!) / 2;
  // Between the k-th smallest and the k-th largest pair lies the ratio with probability 1 - 2 P(U ≤ k - 1).
  const tail = cumulative(n, m);
  const allowed = (1 - confidence) / 2;
  let k = 1;
  while (k < Math.floor(middle) && tail(k) <= allowed) ++k;
  return { median, lower: pairs[k - 1]!, upper: pairs[pairs.length - k]!, confidence: 1 - 2 * tail(k - 1) };
}

/** P(U ≤ u) for samples of n and m values from one distribution without ties. */
function cumulative(n: number, m: number): (u: number) => number {
  if (n * m > exactPairs) {
    const deviation = Math.sqrt((n * m * (n + m + 1)) / 12);
    return (u) => upperTail(Math.max(0, ((n * m) / 2 - u - 0.5) / deviation));
  }
  const ranks = Array.from({ length: n + m }, (_, index) => index + 1);
  const counts = subsetSums(ranks, n);
  const least = (n * (n + 1)) / 2;
  const all = counts.reduce((total, count) => total + count, 0);
  const sums: number[] = [];
  let sum = 0;
  for (let u = 0; u <= n * m; ++u) {
    sum += counts[least + u]!;
    sums.push(sum / all);
  }
  return (u) => (u < 0 ? 0 : sums[u]!);
}
