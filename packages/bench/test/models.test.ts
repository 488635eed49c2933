import { countFlops, formatReport, type ModelsReport } from '@fusor/bench';
import { trace } from '@fusor/layers';
import { resnet18, resnet50, resnext50_32x4d } from '@fusor/resnet';
import { describe, expect, it } from 'vitest';

describe('countFlops', () => {
  // Multiply-adds as torchvision documents them: 1.814, 4.089 and 4.230 billion.
  it.each([
    ['resnet18', resnet18, 1.814],
    ['resnet50', resnet50, 4.089],
    ['resnext50_32x4d', resnext50_32x4d, 4.23],
  ] as const)('finds the documented multiply-adds of %s', (_, create, billions) => {
    const model = create().eval();
    const flops = countFlops(trace(model, [1, 3, 224, 224]));
    expect(flops / 2e9).toBeCloseTo(billions, 2);
    expect(countFlops(trace(model, [4, 3, 224, 224]))).toBe(4 * flops);
    model.dispose();
  });
});

describe('formatReport', () => {
  const milliseconds = { median: 20, lowerQuartile: 19, upperQuartile: 22, count: 3 };
  const engine = { milliseconds, imagesPerSecond: 400, gflops: 90.7, peakShare: 0.907, rounds: [19, 20, 22] };
  const report: ModelsReport = {
    date: '2026-11-23T12:00:00.000Z',
    machine: {
      processor: 'Some Processor',
      logicalCores: 4,
      memoryBytes: 2 ** 33,
      platform: 'linux 6.1 x64',
      node: 'v20.20.0',
    },
    device: 'cpu',
    threads: 2,
    peakGflops: 100,
    load: { before: { average: 0.1, running: 1 }, after: { average: 1.9 } },
    rival: { name: 'onnxruntime-node 1.30.0' },
    rounds: 3,
    secondsPerEngine: 1,
    networks: [
      {
        model: 'resnet18',
        batch: 8,
        gflop: 1.814,
        engines: [
          { engine: 'compiled', ...engine },
          { engine: 'eager', ...engine },
          { engine: 'onnxruntime', ...engine },
        ],
        speedup: { median: 2.1, lowerQuartile: 2, upperQuartile: 2.2, count: 3 },
        eagerOverCompiled: { median: 1.3, lowerQuartile: 1.2, upperQuartile: 1.4, count: 3 },
        layers: [],
        differences: { eager: 1e-6, onnxruntime: 2e-6 },
      },
    ],
  };

  it('says on what, next to what, with what spread, and how much else went on', () => {
    const text = formatReport(report);
    expect(text).toContain('Some Processor, 4 logical cores');
    expect(text).toContain('2 threads, f32 peak 100 GFLOP/s');
    expect(text).toContain('other load: 0.10 (1 running now) before, 1.90 after');
    expect(text).toContain('20.00 (19.00 – 22.00)');
    expect(text).toContain('91%');
    expect(text).toContain('2.10× (2.00 – 2.20) the speed of onnxruntime-node 1.30.0');
    expect(text).toContain('same logits (fusor eager 1.0e-6, onnxruntime-node 1.30.0 2.0e-6)');
  });

  it('says why there is no rival', () => {
    const text = formatReport({ ...report, rival: { missing: 'onnxruntime-node is not installed' } });
    expect(text).toContain('no rival: onnxruntime-node is not installed');
  });

  it('says so when engines disagree, also when one of them gave NaN', () => {
    for (const difference of [2e-3, Number.NaN]) {
      const networks = [{ ...report.networks[0]!, differences: { eager: difference } }];
      expect(formatReport({ ...report, networks })).toContain('LOGITS DIFFER by more than 1e-4');
    }
  });
});
