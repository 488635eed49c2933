import { describe, expect, it } from 'vitest';
import { timeLeft } from '../src/progress.ts';
import { measureRounds, ratios, warmUpRuns } from '../src/timing/rounds.ts';
import { median, quantile, spread } from '../src/timing/statistics.ts';

describe('statistics', () => {
  it('gives the middle sample, or the mean of the two around the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it('interpolates quantiles as numpy does', () => {
    expect(quantile([1, 2, 3, 4], 0.25)).toBe(1.75);
    expect(quantile([10, 20, 30, 40, 50], 0.75)).toBe(40);
    expect(quantile([5, 1], 1)).toBe(5);
    expect(quantile([5, 1], 0)).toBe(1);
  });

  it('describes samples without changing them', () => {
    const samples = [9, 1, 5, 3, 7];
    expect(spread(samples)).toEqual({ median: 5, lowerQuartile: 3, upperQuartile: 7, count: 5 });
    expect(samples).toEqual([9, 1, 5, 3, 7]);
  });

  it('refuses to describe nothing', () => {
    expect(() => quantile([], 0.5)).toThrow(/no samples/);
  });
});

describe('measureRounds', () => {
  /** A clock that only runs while a contestant does, so that the test does not depend on the machine. */
  function clockwork(milliseconds: Record<string, number>) {
    let time = 0;
    const order: string[] = [];
    const contestants = Object.entries(milliseconds).map(([name, duration]) => ({
      name,
      run: async () => {
        order.push(name);
        time += duration;
      },
    }));
    return { contestants, order, now: () => time };
  }

  it('times every contestant in every round, in an order that turns', async () => {
    const { contestants, order, now } = clockwork({ a: 10, b: 30 });
    let turns = 0;
    const times = await measureRounds(contestants, {
      rounds: 2,
      seconds: 0,
      pauseMilliseconds: 0,
      now,
      onTurn: () => ++turns,
    });
    expect(times).toEqual([
      [10, 10],
      [30, 30],
    ]);
    // Two warm-up runs each; then in each turn one run to wake the caches and one that counts.
    expect(warmUpRuns).toBe(2);
    expect(order.join('')).toBe('aabb' + 'aabb' + 'bbaa');
    expect(turns).toBe(4);
  });

  it('runs each contestant as often as its share of the time allows', async () => {
    const { contestants, order, now } = clockwork({ a: 10, b: 25 });
    await measureRounds(contestants, { rounds: 1, seconds: 0.1, pauseMilliseconds: 0, now });
    const counted = (name: string) => order.filter((item) => item === name).length - warmUpRuns - 1;
    expect(counted('a')).toBe(10);
    expect(counted('b')).toBe(4);
  });

  it('takes the median within a round, so that one slow run does not show', async () => {
    let time = 0;
    let calls = 0;
    const durations = [1, 1, 1, 5, 5, 90];
    const contestant = {
      name: 'a',
      run: async () => {
        time += durations[calls++]!;
      },
    };
    const times = await measureRounds([contestant], {
      rounds: 1,
      seconds: 0.1,
      pauseMilliseconds: 0,
      now: () => time,
    });
    expect(times).toEqual([[5]]);
  });

  it('lets a contestant time itself', async () => {
    const { contestants, now } = clockwork({ a: 10 });
    const remote = { ...contestants[0]!, turn: async (milliseconds: number) => milliseconds / 4 };
    const times = await measureRounds([remote], { rounds: 2, seconds: 1, pauseMilliseconds: 0, now });
    expect(times).toEqual([[125, 125]]);
  });

  it('wakes only those whose runs are short', async () => {
    const { contestants, order, now } = clockwork({ a: 400 });
    await measureRounds(contestants, { rounds: 2, seconds: 0, pauseMilliseconds: 0, now });
    expect(order).toHaveLength(1 + 2);
  });

  it('goes on without an optional contestant that fails, and says so', async () => {
    const { contestants, now } = clockwork({ a: 10, b: 20 });
    let runs = 0;
    const dying = {
      name: 'rival',
      optional: true,
      run: async () => {
        if (++runs > warmUpRuns + 2) throw new Error('killed');
      },
    };
    const failures: [number, unknown][] = [];
    let turns = 0;
    const times = await measureRounds([contestants[0]!, dying, contestants[1]!], {
      rounds: 3,
      seconds: 0,
      pauseMilliseconds: 0,
      now,
      onTurn: () => ++turns,
      onFailure: (index, error) => failures.push([index, error]),
    });
    expect(times).toEqual([[10, 10, 10], [], [20, 20, 20]]);
    expect(failures).toEqual([[1, new Error('killed')]]);
    expect(turns).toBe(9);
  });

  it('stops at the first contestant that fails and is not optional, with its error', async () => {
    const failing = {
      name: 'a',
      run: async () => {
        throw new Error('no such device');
      },
    };
    await expect(measureRounds([failing], { rounds: 1, seconds: 0, pauseMilliseconds: 0 })).rejects.toThrow(
      'no such device',
    );
  });
});

describe('timeLeft', () => {
  it('goes by the rate so far', () => {
    expect(timeLeft(5000, 0, 10)).toBe('time left unknown');
    expect(timeLeft(5000, 1, 10)).toBe('45s left');
    expect(timeLeft(250_000, 2, 3)).toBe('2m 05s left');
    expect(timeLeft(9000, 10, 10)).toBe('0s left');
  });
});

describe('ratios', () => {
  it('compares round by round, above 1 where ours is faster', () => {
    expect(ratios([10, 20], [20, 10])).toEqual([2, 0.5]);
  });
});
