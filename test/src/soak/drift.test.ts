import { describe, expect, it } from 'vitest';
import { Random } from '../oracle/random.ts';
import { drift } from './drift.ts';

const series = (length: number, value: (index: number) => number) =>
  Array.from({ length }, (_, index) => value(index));

describe('drift', () => {
  const random = new Random(5);
  const noise = () => random.integer(-400, 400) / 100;

  it('is small for noise, for steps down, and for a series that fills up and then stays', () => {
    for (const flat of [
      series(60, () => 150 + noise()),
      series(60, (index) => 150 + noise() - (index > 40 ? 20 : 0)),
      series(90, (index) => 100 + Math.min(index, 20) * 5 + noise()),
      series(60, (index) => (index % 13 === 0 ? 220 : 150) + noise()),
    ]) {
      const { total, bound } = drift(flat, 8);
      expect(total).toBeLessThan(bound);
    }
  });

  it('is large for a leak that the noise hides from the eye', () => {
    const { total, bound } = drift(
      series(200, (index) => 150 + index * 0.15 + noise()),
      8,
    );
    expect(total).toBeGreaterThan(bound);
  });
});
