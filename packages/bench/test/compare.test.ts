import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelsResults } from '@fusor/bench/results';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareResults, somethingSlower } from '../src/compare/compare.ts';
import { rankSum, ratioEstimate } from '../src/compare/rank-sum.ts';
import { compareRounds } from '../src/compare/timings.ts';
import { generator } from '../src/models/randomize.ts';
import { laterRun, modelsSample } from './report/samples.ts';
import { runBench } from './run-bench.ts';

/** Every way to choose `size` of `items`. */
function* choose<T>(items: readonly T[], size: number): Generator<T[]> {
  if (size === 0) yield [];
  for (let index = 0; index <= items.length - size && size > 0; ++index) {
    for (const rest of choose(items.slice(index + 1), size - 1)) yield [items[index]!, ...rest];
  }
}

/** The test by its definition: U of every way to share the values out. */
function bruteForce(a: readonly number[], b: readonly number[]): { u: number; p: number } {
  const u = (left: readonly number[], right: readonly number[]) =>
    left.reduce((sum, x) => sum + right.reduce((s, y) => s + (x > y ? 1 : x === y ? 0.5 : 0), 0), 0);
  const values = [...a, ...b];
  const places = values.map((_, place) => place);
  const middle = (a.length * b.length) / 2;
  const distance = Math.abs(u(a, b) - middle);
  let all = 0;
  let extreme = 0;
  for (const chosen of choose(places, a.length)) {
    const left = chosen.map((place) => values[place]!);
    const right = places.filter((place) => !chosen.includes(place)).map((place) => values[place]!);
    all += 1;
    if (Math.abs(u(left, right) - middle) >= distance) extreme += 1;
  }
  return { u: u(a, b), p: extreme / all };
}

describe('rankSum', () => {
  it('gives the published values', () => {
    // Hollander and Wolfe (1973), page 69, which R's wilcox.test has as its example: W = 35, one-sided p = 0.1272.
    const chorioamnion = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const atTerm = [1.15, 0.88, 0.9, 0.74, 1.21];
    const { u, p } = rankSum(chorioamnion, atTerm);
    expect(u).toBe(35);
    expect(p).toBeCloseTo(2 * 0.1272, 4);
    // The example of scipy.stats.mannwhitneyu: U = 17, two-sided exact p = 0.1111.
    const ages = rankSum([19, 22, 16, 29, 24], [20, 11, 17, 12]);
    expect(ages.u).toBe(17);
    expect(ages.p).toBeCloseTo(1 / 9, 12);
  });

  it('is what its definition says, with ties too', () => {
    const random = generator(7);
    for (let trial = 0; trial < 40; ++trial) {
      const sample = (size: number) => Array.from({ length: size }, () => Math.floor(random() * 6));
      const [a, b] = [sample(1 + Math.floor(random() * 5)), sample(1 + Math.floor(random() * 5))];
      const expected = bruteForce(a, b);
      const actual = rankSum(a, b);
      expect(actual.u).toBe(expected.u);
      expect(actual.p).toBeCloseTo(expected.p, 12);
    }
  });

  it('approximates large samples as the exact distribution would', () => {
    const random = generator(3);
    const a = Array.from({ length: 50 }, () => random());
    const b = Array.from({ length: 50 }, () => random() + 0.12);
    const exact = rankSum(a, b).p;
    const approximate = rankSum(a, [...b, 0.5]).p;
    expect(Math.abs(approximate - exact)).toBeLessThan(0.02);
    expect(rankSum(a, a.map((x) => x + 2).concat([3])).p).toBeLessThan(1e-15);
  });

  it('finds nothing where there is nothing', () => {
    expect(rankSum([5], [5]).p).toBe(1);
    expect(rankSum(Array(60).fill(1), Array(60).fill(1)).p).toBe(1);
    expect(() => rankSum([], [1])).toThrow(/no samples/);
  });

  it('calls equal runs different as often as it says', () => {
    const random = generator(11);
    let alarms = 0;
    const trials = 2000;
    for (let trial = 0; trial < trials; ++trial) {
      const sample = () => Array.from({ length: 7 }, () => 10 + random() ** 4);
      if (rankSum(sample(), sample()).p <= 0.05) alarms += 1;
    }
    expect(alarms / trials).toBeLessThan(0.055);
    expect(alarms / trials).toBeGreaterThan(0.02);
  });
});

describe('ratioEstimate', () => {
  it('finds the ratio, and an interval that holds it as often as it says', () => {
    const random = generator(5);
    let held = 0;
    const trials = 1000;
    for (let trial = 0; trial < trials; ++trial) {
      const sample = (scale: number) => Array.from({ length: 7 }, () => scale * (10 + random() ** 3));
      const { lower, upper, median, confidence } = ratioEstimate(sample(1.3), sample(1), 0.95);
      expect(confidence).toBeGreaterThanOrEqual(0.95);
      expect(lower).toBeLessThanOrEqual(median);
      expect(median).toBeLessThanOrEqual(upper);
      if (lower <= 1.3 && 1.3 <= upper) held += 1;
    }
    expect(held / trials).toBeGreaterThan(0.94);
  });

  it('leaves out 1 exactly where the test finds a difference', () => {
    const random = generator(9);
    for (let trial = 0; trial < 300; ++trial) {
      const sample = (shift: number) => Array.from({ length: 6 }, () => 10 + shift + random());
      const [a, b] = [sample(random()), sample(0)];
      const { lower, upper } = ratioEstimate(a, b, 0.95);
      expect(lower > 1 || upper < 1).toBe(rankSum(a, b).p <= 0.05);
    }
  });

  it('says how little it knows from few rounds', () => {
    expect(ratioEstimate([2, 2.2], [1, 1.1], 0.99).confidence).toBeCloseTo(1 - 2 / 6, 12);
  });
});

describe('compareRounds', () => {
  const around = (middle: number) => [0.99, 1, 1.01, 0.995, 1.005].map((factor) => middle * factor);

  it('tells faster and slower from noise', () => {
    expect(compareRounds(around(20), around(18)).verdict).toBe('faster');
    expect(compareRounds(around(18), around(20)).verdict).toBe('slower');
    expect(compareRounds(around(20), around(20.05)).verdict).toBe('noise');
  });

  it('says why it does not tell', () => {
    expect(compareRounds([20, 20.1], [10, 10.1])).toMatchObject({ verdict: 'noise', note: 'too few rounds' });
    expect(compareRounds([10, 10.01, 10.02, 10.03, 10.04], [10.1, 10.11, 10.12, 10.13, 10.14])).toMatchObject(
      {
        verdict: 'noise',
        note: 'too small',
      },
    );
  });
});

describe('compareResults', () => {
  let before: ModelsResults;
  beforeAll(async () => {
    before = await modelsSample();
  });
  const named = (name: string, results: ModelsResults) => ({ name, results });

  it('finds the engine that changed, and no other', () => {
    const report = compareResults(named('a.json', before), named('b.json', laterRun(before)));
    for (const { engine, verdict } of report.rows) {
      if (engine.id !== 'compiled') expect(verdict).toBe('noise');
    }
    const compiled = report.rows.filter(({ engine }) => engine.id === 'compiled');
    expect(compiled.length).toBe(before.networks.length);
    for (const { speed } of compiled) expect(speed.median).toBeCloseTo(1 / 0.9, 1);
    expect(compiled.filter(({ verdict }) => verdict === 'faster').length).toBeGreaterThan(
      compiled.length / 2,
    );
    expect(somethingSlower(report)).toBe(false);
    expect(somethingSlower(compareResults(named('b.json', laterRun(before)), named('a.json', before)))).toBe(
      true,
    );
  });

  it('takes out what the machine changed, against a rival', () => {
    const networks = before.networks.map((network) => ({
      ...network,
      engines: network.engines.map((engine) => ({
        ...engine,
        rounds: engine.rounds.map((time) => 1.5 * time),
      })),
    }));
    const slow = { ...before, networks };
    const times = compareResults(named('a.json', before), named('b.json', slow));
    expect(times.rows.every(({ verdict }) => verdict === 'slower')).toBe(true);
    expect(times.warnings.join()).toContain('other engines changed too');
    const relative = compareResults(named('a.json', before), named('b.json', slow), {
      against: 'onnxruntime',
    });
    expect(relative.rows.every(({ verdict }) => verdict === 'noise')).toBe(true);
    expect(relative.rows.some(({ engine }) => engine.id === 'onnxruntime')).toBe(false);
  });

  it('names rows of one file alone, and another machine', () => {
    const part = {
      ...before,
      machine: { ...before.machine, processor: 'Another' },
      networks: before.networks.slice(1),
    };
    const report = compareResults(named('a.json', before), named('b.json', part));
    expect(report.onlyBefore).toEqual(['resnet18, batch 1, 1 thread']);
    expect(report.warnings.join()).toContain('not the same processor');
    const none = { ...before, networks: [] };
    expect(() => compareResults(named('a.json', before), named('b.json', none))).toThrow(
      /nothing to compare/,
    );
  });
});

describe('fusor-bench compare', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-compare-'));
    const models = await modelsSample();
    await writeFile(join(folder, 'before.json'), JSON.stringify(models));
    await writeFile(join(folder, 'after.json'), JSON.stringify(laterRun(models)));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const compare = (before: string, after: string, ...args: string[]) =>
    runBench('compare', join(folder, before), join(folder, after), ...args);

  it('prints a table, and exits with 1 only if it is asked to fail on something slower', async () => {
    const faster = await compare('before.json', 'after.json', '--fail-on-slower');
    expect(faster.status).toBe(0);
    expect(faster.stdout).toContain('+ faster');
    expect(faster.stdout).toMatch(/Fusor: \d+ faster, 0 slower/);
    const slower = await compare('after.json', 'before.json', '--fail-on-slower');
    expect(slower.status).toBe(1);
    expect(slower.stdout).toContain('- SLOWER');
    expect((await compare('after.json', 'before.json')).status).toBe(0);
  });

  it('writes JSON and Markdown', async () => {
    const markdown = join(folder, 'changes.md');
    const { stdout } = await compare('before.json', 'after.json', '--json', '--markdown', markdown);
    const report = JSON.parse(stdout) as { kind: string; rows: { verdict: string }[] };
    expect(report.kind).toBe('comparison');
    expect(new Set(report.rows.map(({ verdict }) => verdict))).toEqual(new Set(['faster', 'noise']));
    expect(await readFile(markdown, 'utf8')).toMatch(/\| row +\| engine/);
  });

  it.each([
    [['--alpha', '2'], 'must be a probability'],
    [['--threshold', '-1'], 'must be a percentage'],
    [['--against', 'caffe'], 'no row in common with engine caffe'],
    [['--json', '--markdown'], 'only one of them'],
  ])('complains about %j in words, with status 2', async (args, complaint) => {
    const { status, stderr } = await compare('before.json', 'after.json', ...args);
    expect(status).toBe(2);
    expect(stderr).toContain(complaint);
  });
});
