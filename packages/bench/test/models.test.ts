import { countFlops, formatModels } from '@fusor/bench';
import { trace } from '@fusor/layers';
import { resnet18, resnet50, resnext50_32x4d } from '@fusor/resnet';
import { describe, expect, it } from 'vitest';
import { modelsSample } from './report/samples.ts';

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
