import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ModelsResults, readResults } from '@fusor/bench/results';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = fileURLToPath(new URL('../bin/fusor-bench.js', import.meta.url));

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in a process of its own. */
function run(...args: string[]): Promise<Finished> {
  return runNode(script, ...args);
}

function runNode(...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

describe('fusor-bench', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-bench-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('measures a small network in all engines, prints a table and writes JSON', async () => {
    const json = join(folder, 'report.json');
    const args = ['--batch', '1,2', '--threads', '2', '--rounds', '2', '--seconds', '0', '--json', json];
    const { status, stdout, stderr } = await run('models', 'cifarResnet20', ...args);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('fusor compiled');
    expect(stdout).toContain('fusor eager');
    expect(stdout).toContain('onnxruntime-node 1.');
    expect(stdout).toContain('same logits');

    const report = (await readResults(json)) as ModelsResults;
    expect(report.kind).toBe('models');
    expect(report.command.slice(0, 2)).toEqual(['models', 'cifarResnet20']);
    expect(report.ceilings.map(({ threads }) => threads)).toEqual([2]);
    expect(report.networks.map(({ model, batch }) => [model, batch])).toEqual([
      ['cifarResnet20', 1],
      ['cifarResnet20', 2],
    ]);
    for (const network of report.networks) {
      expect(network.engines.map(({ engine }) => engine)).toEqual(['compiled', 'eager', 'onnxruntime']);
      for (const { rounds, milliseconds, imagesPerSecond } of network.engines) {
        expect(rounds).toHaveLength(2);
        expect(milliseconds.median).toBeGreaterThan(0);
        expect(imagesPerSecond / ((1000 * network.batch) / milliseconds.median)).toBeCloseTo(1, 4);
      }
      expect(network.threads).toBe(2);
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
      '--rounds',
      '1',
      '--seconds',
      '0',
      '--no-eager',
      '--no-rival',
      '--json',
      json,
    ];
    const { status, stdout } = await run('models', 'cifarResnet20', ...args);
    expect(status).toBe(0);
    expect(stdout).toContain('no rival: not asked for');
    const report = (await readResults(json)) as ModelsResults;
    expect(report.networks[0]!.engines.map(({ engine }) => engine)).toEqual(['compiled']);
  });

  it('says so and goes on where onnxruntime-node is not installed', async () => {
    // A loader that does not find it, as Node's own would not.
    const hook = `export async function resolve(name, context, next) {
      if (name !== 'onnxruntime-node') return next(name, context);
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
    }`;
    const encoded = (source: string) => `data:text/javascript,${encodeURIComponent(source)}`;
    const register = `import { register } from 'node:module'; register(${JSON.stringify(encoded(hook))});`;
    const args = ['models', 'cifarResnet20', '--batch', '1', '--rounds', '1', '--seconds', '0'];
    const { status, stdout } = await runNode('--import', encoded(register), script, ...args);
    expect(status).toBe(0);
    expect(stdout).toContain('no rival: onnxruntime-node is not installed (npm install onnxruntime-node');
    expect(stdout).toContain('fusor eager');
  });

  it.each([
    { args: ['models', 'resnet19'], complaint: "unknown model 'resnet19'" },
    { args: ['models', '--batch', '0'], complaint: 'must be a whole number' },
    { args: ['models', '--batch', '1,x'], complaint: 'must be a whole number' },
    { args: ['models', '--rounds', '1.5'], complaint: 'must be a whole number' },
    { args: ['models', '--seconds', '-1'], complaint: 'must be a number of seconds' },
    { args: ['models', '--device', 'tpu', '--quiet'], complaint: 'tpu' },
    { args: ['network'], complaint: "unknown command 'network'" },
  ])('complains about $args in words, with status 2', async ({ args, complaint }) => {
    const { status, stderr } = await run(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(complaint);
    expect(stderr).not.toContain('    at ');
  });

  it('explains itself', async () => {
    const { status, stdout } = await run('models', '--help');
    expect(status).toBe(0);
    for (const option of [
      '--batch',
      '--threads',
      '--rounds',
      '--seconds',
      '--json',
      '--no-eager',
      '--device',
    ]) {
      expect(stdout).toContain(option);
    }
  });
});
