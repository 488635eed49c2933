import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkResults, type ModelsResults, readResults } from '@fusor/bench/results';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBusyMachines, runBench as run } from './run-bench.ts';

describe('fusor-bench', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-bench-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('measures a small network in all engines, prints a table and writes JSON', {
    timeout: onBusyMachines,
  }, async () => {
    const json = join(folder, 'report.json');
    const args = ['--batch', '1,2', '--threads', '2', '--rounds', '2', '--seconds', '0', '--json', json];
    const rivals = ['--rivals', 'onnxruntime,tfjs'];
    const { status, stdout, stderr } = await run('models', 'cifarResnet20', ...args, ...rivals);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('fusor compiled');
    expect(stdout).toContain('fusor eager');
    expect(stdout).toContain('onnxruntime-node 1.');
    expect(stdout).toContain('tfjs-wasm 4.');
    expect(stdout).toContain('same logits');

    const report = (await readResults(json)) as ModelsResults;
    expect(report.kind).toBe('models');
    expect(report.command.slice(0, 2)).toEqual(['models', 'cifarResnet20']);
    expect(report.ceilings.map(({ threads }) => threads)).toEqual([2]);
    expect(report.networks.map(({ batch, threads }) => [batch, threads])).toEqual([
      [1, 2],
      [2, 2],
    ]);
    for (const network of report.networks) {
      expect(network.engines.map(({ engine }) => engine)).toEqual([
        'compiled',
        'eager',
        'onnxruntime',
        'tfjs',
      ]);
      expect(network.speedups.map(({ rival }) => rival)).toEqual(['onnxruntime', 'tfjs']);
      for (const { rounds, milliseconds, imagesPerSecond, difference } of network.engines) {
        if (difference !== undefined) expect(difference).toBeLessThan(1e-5);
        expect(rounds).toHaveLength(2);
        expect(milliseconds.median).toBeGreaterThan(0);
        expect(imagesPerSecond / ((1000 * network.batch) / milliseconds.median)).toBeCloseTo(1, 4);
      }
      expect(network.layers.length).toBeGreaterThan(20);
      // 40.8 million multiply-adds (the paper's 0.27 M parameter network).
      expect(network.gflop / network.batch).toBeCloseTo(0.0816, 3);
    }
  });

  it('leaves out what it is told to', async () => {
    const json = join(folder, 'alone.json');
    const args = [
      '--batch',
      '1',
      '--threads',
      '1,2',
      '--rounds',
      '1',
      '--seconds',
      '0',
      '--no-eager',
      '--no-rivals',
      '--json',
      json,
    ];
    const { status, stdout } = await run('models', 'cifarResnet20', ...args);
    expect(status).toBe(0);
    expect(stdout).not.toContain('eager');
    const report = (await readResults(json)) as ModelsResults;
    expect(report.networks.map(({ threads, engines }) => [threads, engines.length])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(report.ceilings.map(({ threads }) => threads)).toEqual([1, 2]);
  });

  it('writes JSON or Markdown, and nothing else, to standard output', async () => {
    const args = [
      'models',
      'cifarResnet20',
      '--batch',
      '1',
      '--threads',
      '1,2',
      '--rounds',
      '1',
      '--seconds',
      '0',
      '--no-rivals',
    ];
    const json = await run(...args, '--json');
    expect(checkResults('stdout', JSON.parse(json.stdout)).kind).toBe('models');
    const markdown = await run(...args, '--markdown', '-');
    expect(markdown.stdout).toMatch(/^## Fusor on /);
    expect(markdown.stdout).toContain('| cifarResnet20 |');
  });

  it.each([
    { args: ['models', 'resnet19'], complaint: "unknown model 'resnet19'" },
    { args: ['models', '--batch', '0'], complaint: 'must be a whole number' },
    { args: ['models', '--batch', '1,x'], complaint: 'must be a whole number' },
    { args: ['models', '--rounds', '1.5'], complaint: 'must be a whole number' },
    { args: ['models', '--seconds', '-1'], complaint: 'must be a number of seconds' },
    { args: ['models', '--device', 'tpu'], complaint: 'tpu' },
    {
      args: ['models', '--rivals', 'caffe'],
      complaint: '--rivals caffe: there is onnxruntime, tfjs, pytorch',
    },
    { args: ['models', '--markdown', 'models.json'], complaint: 'it would overwrite a results file' },
    { args: ['models', '--json', '--markdown'], complaint: 'only one of them can go to standard output' },
    { args: ['network'], complaint: "unknown command 'network'" },
  ])('complains about $args in words, with status 2', async ({ args, complaint }) => {
    const { status, stderr } = await run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(complaint);
    expect(stderr).not.toContain('    at ');
  });

  it.each(['models', 'kernels', 'roofline', 'compare', 'report', 'doctor'])(
    '%s explains itself, with examples',
    async (name) => {
      const { status, stdout } = await run(name, '--help');
      expect(status).toBe(0);
      expect(stdout).toContain('--markdown');
      expect(stdout).toContain(`Examples:\n  fusor-bench ${name}`);
    },
  );
});
