import { describe, expect, it } from 'vitest';
import { parseSize, readCaches } from '../src/machine/caches.ts';
import { otherCores, parseProcess, parseStat } from '../src/machine/other-work.ts';

describe('what /proc says', () => {
  it('reads the time of all cores, without idle and waiting', () => {
    const text = 'cpu  100 20 300 4000 50 6 7 80 9 0\ncpu0 1 2 3 4 5 6 7 8 9 0\n';
    expect(parseStat(text)).toEqual({ busy: 4.33, stolen: 0.8 });
  });

  it('reads a process whose name has spaces and parentheses', () => {
    const text = '42 (a) b (c)) S 7 42 42 0 -1 4194304 100 0 0 0 250 50 30 20 20 0 11 0 1234';
    expect(parseProcess(text)).toEqual({ parent: 7, seconds: 3.5 });
  });

  it('takes its own work from that of all', () => {
    const before = { busy: 10, stolen: 0, own: 4 };
    expect(otherCores(before, { busy: 13, stolen: 0, own: 6 }, 2)).toBe(0.5);
    expect(otherCores(before, { busy: 11, stolen: 0, own: 6 }, 2)).toBe(0);
  });
});

describe('caches', () => {
  it('reads sizes as the system writes them', () => {
    expect(parseSize('32K')).toBe(32768);
    expect(parseSize('16M')).toBe(2 ** 24);
    expect(parseSize('512')).toBe(512);
  });

  it('has an answer where the system has none', async () => {
    expect(await readCaches('/nonexistent')).toEqual({ L1: 32768, L2: 524288, L3: 2 ** 23 });
  });
});
