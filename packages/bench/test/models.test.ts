import { benchmarkModels, countFlops, formatModels } from '@fusor/bench';
import { Conv2d, Flatten, Linear, ReLU, Sequential, trace } from '@fusor/layers';
import { manualSeed } from '@fusor/native';
import { resnet18, resnet50, resnext50_32x4d } from '@fusor/resnet';
import { describe, expect, it } from 'vitest';
import { compiledEngine, deviceEngine } from '../src/models/engines.ts';
import { agrees } from '../src/results/models.ts';
import { modelsSample } from './report/samples.ts';
import { onBusyMachines } from './run-bench.ts';

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

describe('formatModels', () => {
  it('says on what, next to what, with what spread, and how much else went on', async () => {
    const text = formatModels(await modelsSample());
    expect(text).toContain('Example processor');
    expect(text).toContain('f32 peak');
    expect(text).toContain('other load: ');
    expect(text).toContain('22.92 (22.66 – 23.74)');
    expect(text).toMatch(/\d\.\d\d× \(\d\.\d\d – \d\.\d\d\) the speed of onnxruntime-node/);
    expect(text).toContain('same logits (fusor eager ');
  });

  it('says why there is no rival', async () => {
    const missing = [{ id: 'pytorch', label: 'PyTorch', reason: 'no module named torch' }];
    expect(formatModels({ ...(await modelsSample()), missing })).toContain(
      'no PyTorch: no module named torch',
    );
  });

  it('says so when engines disagree, also when one of them gave NaN', async () => {
    const sample = await modelsSample();
    for (const difference of [2e-3, null]) {
      const networks = sample.networks.map((network) => ({
        ...network,
        engines: network.engines.map((engine, index) => (index === 0 ? engine : { ...engine, difference })),
      }));
      expect(formatModels({ ...sample, networks })).toContain('LOGITS DIFFER by more than 1e-4');
    }
  });
});

describe('a network on a GPU', () => {
  it('takes turns with images that lie there, and compares the logits of the one that all engines get', async () => {
    manualSeed(3);
    const model = new Sequential(
      new Conv2d(3, 4, 3),
      new ReLU(),
      new Flatten(),
      new Linear(4 * 6 * 5, 2),
    ).eval();
    const data = Float32Array.from({ length: 3 * 8 * 7 }, (_, i) => Math.sin(i));
    const images = { data, shape: [1, 3, 8, 7] as const };
    const here = await compiledEngine(model, images, 2, { device: 'cpu', threads: 1 });
    const there = await deviceEngine(model, images, 2, { device: 'cuda-emulated', threads: 1 });
    try {
      await here.run();
      const seen: number[][] = [];
      for (let run = 0; run < 4; ++run) {
        await there.run();
        seen.push([...there.logits]);
      }
      expect(seen[0]![0]).toBeCloseTo(here.logits[0]!, 5);
      expect(seen[0]![1]).toBeCloseTo(here.logits[1]!, 5);
      for (const logits of seen) expect(logits).toEqual(seen[0]);
      expect((await there.profile!()).length).toBeGreaterThan(0);
    } finally {
      await here.close();
      await there.close();
      model.dispose();
    }
  });
});

describe('benchmarkModels on a GPU', () => {
  const options = { device: 'cuda-emulated', batches: [1], rounds: 1, seconds: 0, rivals: [] } as const;

  it('has an eager row in f32, and agrees with it', { timeout: onBusyMachines }, async () => {
    const { networks, ceilings } = await benchmarkModels(['cifarResnet20'], options);
    expect(networks[0]!.engines.map(({ engine }) => engine)).toEqual(['compiled', 'eager']);
    expect(networks.every(agrees)).toBe(true);
    expect(ceilings[0]!.tensorGflops!.bf16).toBeGreaterThan(0);
  });

  it('has shares of the tensor cores’ peak in 16 bits', { timeout: onBusyMachines }, async () => {
    const { networks, ceilings } = await benchmarkModels(['cifarResnet20'], { ...options, dtype: 'bf16' });
    expect(networks[0]).toMatchObject({ model: 'cifarResnet20 bf16', dtype: 'bf16' });
    const [compiled, ...others] = networks[0]!.engines;
    expect(others).toEqual([]);
    expect(compiled!.peakShare).toBeCloseTo(compiled!.gflops / ceilings[0]!.tensorGflops!.bf16, 9);
  });
});
