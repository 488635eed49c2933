import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KernelsResults, readResults } from '@fusor/bench/results';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runsOfProfile } from '../src/kernels/contestants.ts';
import { networkConvolutions } from '../src/kernels/convolution.ts';
import { formatConvolution, outputSize, parseConvolution } from '../src/kernels/convolution-shape.ts';
import { operationCases, operationNames } from '../src/kernels/operations.ts';
import { greatestDifference } from '../src/timing/difference.ts';
import { runBench } from './run-bench.ts';

describe('the notation of convolutions', () => {
  it.each([
    'c64 k64 56x56 3x3 p1 +residual +relu',
    'c3 k64 224x224 7x7 s2 p3 +relu',
    'c32 k64 9x11 1x5 d2 g32',
  ])('reads and writes %s', (text) => {
    expect(formatConvolution(parseConvolution(text))).toBe(text);
  });

  it.each([
    ['c64 k64 56x56', 'it needs c, k, an image and a kernel'],
    ['c64 k64 56x56 3x3 q1', "'q1' is not a part"],
    ['c64 k64 56x56 3x3 s0', 'at least 1'],
    ['c64 k62 56x56 3x3 g4', 'multiples of g'],
    ['c4 k4 2x2 5x5 p1', 'larger than the padded image'],
  ])('refuses %s', (text, message) => {
    expect(() => parseConvolution(text)).toThrow(message);
  });

  it('knows the size of the output', () => {
    expect(outputSize(parseConvolution('c3 k64 224x224 7x7 s2 p3'))).toEqual([112, 112]);
    expect(outputSize(parseConvolution('c1 k1 9x11 3x3 d2'))).toEqual([5, 7]);
  });
});

describe('networkConvolutions', () => {
  it('finds the distinct convolutions of a network as compile fuses them', async () => {
    const cases = await networkConvolutions(['resnet18']);
    // 20 convolutions, of which five pairs with and five without a residual occur more than once.
    expect(cases.reduce((sum, { networks }) => sum + networks[0]!.count, 0)).toBe(20);
    const shapes = new Map(cases.map(({ shape, networks }) => [shape, networks]));
    expect(shapes.get('c64 k64 56x56 3x3 p1 +residual +relu')).toEqual([{ network: 'resnet18', count: 2 }]);
    expect(shapes.get('c3 k64 224x224 7x7 s2 p3 +relu')).toEqual([{ network: 'resnet18', count: 1 }]);
    expect(shapes.size).toBe(15);
  });
});

describe('operationCases', () => {
  it('takes shapes, or has its own', () => {
    expect(operationCases('layerNorm', ['3x5']).map(({ shape }) => shape)).toEqual(['3x5']);
    expect(operationCases('layerNorm', []).length).toBeGreaterThan(3);
  });

  it.each([
    ['dance', '3x5', 'there is conv2d, '],
    ['toString', '3x5', 'there is conv2d, '],
    ['matmul', '3x5', 'matmul takes three sizes'],
    ['softmax', '3y5', 'softmax takes at least 1 sizes'],
    ['softmax', '0x5', 'softmax takes at least 1 sizes'],
  ])('refuses %s %s', (op, shape, message) => {
    expect(() => operationCases(op, [shape])).toThrow(message);
  });
});

describe('runsOfProfile', () => {
  const node = (operator: string, dur: number, weight: readonly number[] = [8, 8, 3, 3]) => ({
    cat: 'Node',
    name: `${operator}_kernel_time`,
    dur,
    args: { op_name: operator, input_type_shape: [{ float: [1, 8, 4, 4] }, { float: weight }] },
  });
  const end = { cat: 'Session', name: 'model_run', dur: 999 };

  it('adds the nodes of each run, without reorders of layout', () => {
    const events = [node('ReorderInput', 5), node('Conv', 20), node('Add', 3), end, node('Conv', 30), end];
    expect(runsOfProfile(events, false)).toEqual([0.023, 0.03]);
  });

  it('leaves out the convolution that stands before a residual, where there is one', () => {
    const events = [node('Conv', 7, [8, 1, 1, 1]), node('Conv', 20), end];
    expect(runsOfProfile(events, true)).toEqual([0.02]);
    expect(runsOfProfile(events, false)).toEqual([0.027]);
  });
});

describe('greatestDifference', () => {
  it('is relative to the greatest element, at least 1, and null where there is no number', () => {
    expect(greatestDifference(Float32Array.of(4, -8), Float32Array.of(4, -6))).toBe(0.25);
    expect(greatestDifference(Float32Array.of(0.5), Float32Array.of(0.25))).toBe(0.25);
    expect(greatestDifference(Float32Array.of(1), Float32Array.of(Number.NaN))).toBeNull();
    expect(greatestDifference(Float32Array.of(1), Float32Array.of(1, 2))).toBeNull();
  });
});

describe('fusor-bench kernels', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-kernels-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const tiny = ['--rounds', '2', '--seconds', '0', '--threads', '1,2'];

  it('measures a convolution with a residual next to its rivals, which agree, and writes JSON', async () => {
    const json = join(folder, 'kernels.json');
    const args = ['--shape', 'c16 k16 8x8 3x3 p1 +residual +relu', '--batch', '1,2', '--json', json];
    const { status, stdout, stderr } = await runBench('kernels', ...args, ...tiny);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/\d of 4 slower than the best rival/);
    const results = (await readResults(json)) as KernelsResults;
    expect(results.command.slice(0, 2)).toEqual(['kernels', '--shape']);
    expect(results.kernels.map(({ threads, batch }) => [threads, batch])).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
    ]);
    expect(results.ceilings.map(({ threads }) => threads)).toEqual([1, 2]);
    for (const row of results.kernels) {
      const peak = results.ceilings.find(({ threads }) => threads === row.threads)!.peakGflops;
      // Each of the three is rounded to six digits: up to 5 in a million.
      for (const { gflops, peakShare } of row.engines) expect(peakShare / (gflops / peak)).toBeCloseTo(1, 4);
      expect(row.gflop * 1e9).toBe(2 * row.batch * 16 * 16 * 9 * 64);
      expect(row.engines.map(({ engine }) => engine).slice(0, 2)).toEqual(['fusor', 'onnxruntime']);
      for (const { rounds, difference } of row.engines) {
        expect(rounds).toHaveLength(2);
        expect(Math.min(...rounds)).toBeGreaterThan(0);
        if (difference !== undefined) expect(difference).toBeLessThan(1e-5);
      }
    }
  });

  it.each(operationNames)('measures %s, with the same result in onnxruntime', async (op) => {
    const shape = { linear: '3x5x7', matmul: '3x5x7' }[op] ?? '2x32x6x8';
    const args = ['--op', op, '--shape', shape, '--rounds', '1', '--seconds', '0', '--threads', '1'];
    const { status, stdout, stderr } = await runBench('kernels', ...args);
    expect(stderr).toBe('');
    expect(stdout).not.toContain('DIFFERS');
    expect(status).toBe(0);
  });

  it.each([
    { args: ['--op', 'dance'], complaint: "--op 'dance'" },
    { args: ['--shape', 'c3'], complaint: 'a convolution is written like' },
    { args: ['--only', '11x11'], complaint: 'no shape has it' },
    { args: ['--rivals', 'nobody'], complaint: '--rivals nobody: there is onnxruntime, onednn' },
    { args: ['--threads', '0'], complaint: 'must be a whole number' },
    { args: ['--op', 'relu,exp', '--shape', '3'], complaint: 'give one --op' },
  ])('complains about $args in words, with status 2', async ({ args, complaint }) => {
    const { status, stderr } = await runBench('kernels', '--network', 'cifarResnet20', ...args);
    expect(status).toBe(2);
    expect(stderr).toContain(complaint);
    expect(stderr).not.toContain('    at ');
  });
});
