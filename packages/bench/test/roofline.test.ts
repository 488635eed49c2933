import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Ceiling,
  ceilingIn,
  type Layer,
  limitOf,
  type RooflineResults,
  readResults,
} from '@fusor/bench/results';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onBusyMachines, runBench } from './run-bench.ts';

const ceiling: Ceiling = {
  threads: 1,
  peakGflops: 100,
  bandwidths: [
    { level: 'L1', bytes: 1e4, copy: 400, read: 300 },
    { level: 'L2', bytes: 1e6, copy: 100, read: 200 },
    { level: 'DRAM', bytes: 1e8, copy: 10 },
  ],
};

function layer(flops: number, bytes: number, milliseconds: number): Layer {
  const seconds = milliseconds / 1000;
  return {
    name: 'layer',
    op: 'conv2d',
    algorithm: 'direct',
    instructionSet: 'avx2',
    flops,
    bytes,
    seconds: { median: seconds, lowerQuartile: seconds, upperQuartile: seconds, count: 5 },
  };
}

describe('limitOf', () => {
  it('is the peak where there is much to compute', () => {
    const { bound, seconds, gflops, share } = limitOf(layer(1e9, 1e6, 20), ceiling);
    expect(bound).toBe('arithmetic');
    expect(seconds).toBeCloseTo(0.01, 12);
    expect(gflops).toBeCloseTo(100, 9);
    expect(share).toBeCloseTo(0.5, 9);
  });

  it('is the memory that holds all of the bytes, copying or reading, whichever is faster', () => {
    expect(limitOf(layer(1e6, 1e7, 2), ceiling)).toMatchObject({ bound: 'DRAM', seconds: 1e-3, share: 0.5 });
    expect(limitOf(layer(1e6, 1e6, 2), ceiling)).toMatchObject({ bound: 'arithmetic' });
    expect(limitOf(layer(0, 1e6, 2), ceiling)).toMatchObject({ bound: 'L2', seconds: 5e-6, gflops: 0 });
    expect(limitOf(layer(0, 1e4, 2), ceiling)).toMatchObject({ bound: 'L1', seconds: 2.5e-8 });
  });
});

describe('ceilingIn', () => {
  const gpu = { ...ceiling, tensorGflops: { tf32: 400, f16: 800, bf16: 790 } };

  it('has the peak of the tensor cores in 16 bits, and of the general cores in f32', () => {
    expect(ceilingIn(gpu, 'bf16')).toEqual({ ...gpu, peakGflops: 790 });
    expect(ceilingIn(gpu, 'f16').peakGflops).toBe(800);
    expect(ceilingIn(gpu)).toBe(gpu);
    expect(ceilingIn(ceiling, 'bf16')).toBe(ceiling);
  });
});

describe('fusor-bench roofline', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-roofline-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('places every step of a network, and writes JSON', { timeout: onBusyMachines }, async () => {
    const json = join(folder, 'roofline.json');
    const args = ['cifarResnet20', '--threads', '1,2', '--rounds', '2', '--seconds', '0', '--json', json];
    const { status, stdout, stderr } = await runBench('roofline', ...args);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('bound by');
    expect(stdout).toMatch(/\d+\.\d+ ms in all, \d+\.\d+ ms at the ceilings/);
    const results = (await readResults(json)) as RooflineResults;
    expect(results.networks.map(({ threads }) => threads)).toEqual([1, 2]);
    for (const { bandwidths, peakGflops } of results.ceilings) {
      expect(peakGflops).toBeGreaterThan(0);
      expect(bandwidths.map(({ level }) => level)).toEqual(['L1', 'L2', 'L3', 'DRAM']);
      for (const { copy, read } of bandwidths) expect(Math.min(copy, read!)).toBeGreaterThan(0.1);
    }
    for (const { layers } of results.networks) {
      const flops = layers.reduce((sum, step) => sum + step.flops, 0);
      // 40.8 million multiply-adds.
      expect(flops / 1e9).toBeCloseTo(0.0816, 3);
      expect(layers.every(({ bytes, seconds }) => bytes > 0 && seconds.count === 2)).toBe(true);
    }
  });

  it('puts 16-bit plans of a GPU under its tensor cores and its L2', {
    timeout: onBusyMachines,
  }, async () => {
    const json = join(folder, 'gpu.json');
    const args = ['cifarResnet20', '--device', 'cuda-emulated', '--dtype', 'bf16', '--rounds', '1'];
    const { status, stdout, stderr } = await runBench('roofline', ...args, '--seconds', '0', '--json', json);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /f32 peak \d+, tf32 \d+, f16 \d+, bf16 \d+ GFLOP\/s; copy\/read L2 \d+, DRAM \d+ GB/,
    );
    const { ceilings, networks } = (await readResults(json)) as RooflineResults;
    expect(ceilings[0]!.bandwidths.map(({ level }) => level)).toEqual(['L2', 'DRAM']);
    expect(networks.map(({ model, dtype }) => [model, dtype])).toEqual([['cifarResnet20 bf16', 'bf16']]);
    expect(networks[0]!.layers.some(({ algorithm }) => algorithm.includes('wgmma'))).toBe(true);
  });

  it('is a section of the report, in Markdown too', { timeout: onBusyMachines }, async () => {
    const args = ['cifarResnet20', '--threads', '1', '--rounds', '1', '--seconds', '0', '--markdown'];
    const { stdout } = await runBench('roofline', ...args);
    expect(stdout).toContain('### Against the limits of the machine');
    expect(stdout).toContain('| arithmetic');
  });

  it('complains in words about a network that it does not know', async () => {
    const { status, stderr } = await runBench('roofline', 'resnet19');
    expect(status).toBe(2);
    expect(stderr).toContain("unknown model 'resnet19'");
  });
});
