import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readResults, type StartResults } from '@fusor/bench/results';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runBench } from './run-bench.ts';

describe('fusor-bench start', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-bench-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('starts processes of both engines, whose results agree, and writes what it found', async () => {
    const json = join(folder, 'start.json');
    const { status, stdout, stderr } = await runBench(
      ...['start', 'cifarResnet20', '--threads', '2', '--rounds', '2', '--json', json],
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('times as fast to the first result as onnxruntime-node 1.');

    const results = (await readResults(json)) as StartResults;
    expect(results.kind).toBe('start');
    const [row] = results.starts;
    expect(row!.model).toBe('cifarResnet20');
    expect(row!.fileBytes).toBeGreaterThan(1_000_000);
    expect(row!.engines.map(({ engine }) => engine)).toEqual(['fusor', 'onnxruntime']);
    const [fusor, rival] = row!.engines;
    expect(fusor!.phases.map(({ name }) => name)).toEqual([
      ...['process', 'import', 'load', 'compile', 'first run'],
    ]);
    expect(rival!.phases.map(({ name }) => name)).toEqual(['process', 'import', 'load', 'first run']);
    for (const { rounds, phases, milliseconds, peakBytes } of row!.engines) {
      expect(rounds).toHaveLength(2);
      const parts = phases.reduce((sum, phase) => sum + phase.milliseconds.lowerQuartile, 0);
      expect(parts).toBeLessThanOrEqual(milliseconds.upperQuartile);
      // Node alone has 40 MB.
      expect(peakBytes!.median).toBeGreaterThan(30e6);
    }
    expect(row!.speedups).toHaveLength(1);
  });

  it('says which network it does not know', async () => {
    const { status, stderr } = await runBench('start', 'resnet5000');
    expect(status).toBe(2);
    expect(stderr).toContain('resnet5000');
  });
});
