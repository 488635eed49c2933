import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ArgumentError } from '@fusor/errors';
import { Conv2d, compile, Linear, type Module, skipInit } from '@fusor/layers';
import { manualSeed, scope, Tensor } from '@fusor/native';
import {
  BasicBlock,
  Bottleneck,
  CifarResNet,
  cifarResnet20,
  findModel,
  type ModelName,
  models,
  ResNet,
  type ResNetOptions,
  resnet18,
  resnet26,
  resnet50,
} from '@fusor/resnet';
import { describe, expect, it } from 'vitest';
import { formulaTensor, formulaWeights } from './support/formula.ts';

function parameterCount(model: Module): number {
  return model.parameters().reduce((sum, tensor) => sum + tensor.shape.reduce((a, b) => a * b, 1), 0);
}

function shapes(model: Module): Record<string, readonly number[]> {
  return Object.fromEntries([...model.stateDict()].map(([name, tensor]) => [name, tensor.shape]));
}

describe('parameters', () => {
  // torchvision documents `num_params` with each of its weights; the CIFAR figures are those of
  // https://github.com/akamaster/pytorch_resnet_cifar10 in full.
  it.each([
    ['resnet18', 11_689_512],
    ['resnet34', 21_797_672],
    ['resnet50', 25_557_032],
    ['resnet101', 44_549_160],
    ['resnet152', 60_192_808],
    ['resnext50_32x4d', 25_028_904],
    ['wideResnet50_2', 68_883_240],
    ['cifarResnet20', 269_722],
    ['cifarResnet32', 464_154],
    ['cifarResnet44', 658_586],
    ['cifarResnet56', 853_018],
    ['cifarResnet110', 1_727_962],
  ] as const)('%s has %i', (name, count) => {
    const model = skipInit(() => models[name].create());
    expect(parameterCount(model)).toBe(count);
    model.dispose();
  });

  it('resnet26 has those of its stages [2, 2, 4, 4]', () => {
    const block = (input: number, channels: number) =>
      9 * channels * (input + channels) + 4 * channels + (input === channels ? 0 : channels * (input + 2));
    const stage = (input: number, channels: number, count: number) =>
      block(input, channels) + (count - 1) * block(channels, channels);
    const stages = stage(64, 64, 2) + stage(64, 128, 2) + stage(128, 256, 4) + stage(256, 512, 4);
    const model = skipInit(() => resnet26());
    expect(parameterCount(model)).toBe(3 * 64 * 49 + 128 + stages + 512 * 1000 + 1000);
    expect(parameterCount(model)).toBe(23_492_136);
    const weighted = model.modules().filter((each) => each instanceof Conv2d || each instanceof Linear);
    const shortcuts = model.namedModules().filter(([name]) => /downsample\.0$/.test(name));
    expect(weighted.length - shortcuts.length).toBe(26);
    model.dispose();
  });
});

/** The names of torchvision's state dict, from the rule: stem, stages of blocks, classifier; each norm has five. */
function torchvisionKeys(convolutions: number, expansion: number, layers: readonly number[]): string[] {
  const norm = (name: string) =>
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map((part) => `${name}.${part}`);
  const keys = ['conv1.weight', ...norm('bn1')];
  for (const [stage, count] of layers.entries()) {
    for (let block = 0; block < count; block++) {
      const prefix = `layer${stage + 1}.${block}`;
      for (let i = 1; i <= convolutions; i++)
        keys.push(`${prefix}.conv${i}.weight`, ...norm(`${prefix}.bn${i}`));
      if (block === 0 && (stage > 0 || expansion > 1)) {
        keys.push(`${prefix}.downsample.0.weight`, ...norm(`${prefix}.downsample.1`));
      }
    }
  }
  return [...keys, 'fc.weight', 'fc.bias'];
}

describe('state dict', () => {
  it("resnet18 has torchvision's names in torchvision's order", () => {
    const keys = [
      ...skipInit(() => resnet18())
        .stateDict()
        .keys(),
    ];
    expect(keys).toEqual(torchvisionKeys(2, 1, [2, 2, 2, 2]));
    expect(keys).toHaveLength(122);
  });

  it("resnet50 has torchvision's names in torchvision's order", () => {
    const keys = [
      ...skipInit(() => resnet50())
        .stateDict()
        .keys(),
    ];
    expect(keys).toEqual(torchvisionKeys(3, 4, [3, 4, 6, 3]));
    expect(keys).toHaveLength(320);
    expect(keys).toContain('layer1.0.downsample.1.running_var');
  });

  it('shapes are those of the published files', () => {
    expect(shapes(skipInit(() => resnet50()))).toMatchObject({
      'conv1.weight': [64, 3, 7, 7],
      'layer1.0.conv1.weight': [64, 64, 1, 1],
      'layer1.0.conv3.weight': [256, 64, 1, 1],
      'layer2.0.downsample.0.weight': [512, 256, 1, 1],
      'layer4.2.conv2.weight': [512, 512, 3, 3],
      'layer4.2.bn3.running_mean': [2048],
      'fc.weight': [1000, 2048],
    });
    expect(shapes(skipInit(() => models.resnext50_32x4d.create()))['layer1.0.conv2.weight']).toEqual([
      128, 4, 3, 3,
    ]);
    expect(shapes(skipInit(() => models.wideResnet50_2.create()))['layer4.0.conv2.weight']).toEqual([
      1024, 1024, 3, 3,
    ]);
  });

  it('cifarResnet20 has the names of the published checkpoints, besides num_batches_tracked', () => {
    const keys = [...cifarResnet20().stateDict().keys()].filter(
      (key) => !key.endsWith('num_batches_tracked'),
    );
    expect(keys).toHaveLength(97);
    expect(keys.slice(0, 2)).toEqual(['conv1.weight', 'bn1.weight']);
    expect(keys).toContain('layer3.2.conv2.weight');
    expect(keys.slice(-2)).toEqual(['linear.weight', 'linear.bias']);
    expect(keys.filter((key) => /shortcut|downsample/.test(key))).toEqual([]);
  });
});

// Recorded by torch/reference.py: the same networks in PyTorch, in f64, weights from the same formula.
interface Recorded {
  readonly keys: readonly string[];
  readonly input: readonly number[];
  readonly logits: readonly number[];
}
const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, 'torch', 'logits.json'), 'utf8'),
) as Record<string, Recorded>;
const resnet = (options: Omit<ResNetOptions, 'numClasses'>) => () =>
  new ResNet({ ...options, numClasses: 7 });
const recordedModels: readonly (readonly [string, () => Module])[] = [
  ['basic', resnet({ block: BasicBlock, layers: [1, 2, 1, 1] })],
  ['bottleneck', resnet({ block: Bottleneck, layers: [1, 2, 1, 1] })],
  ['grouped', resnet({ block: Bottleneck, layers: [2, 1, 1, 1], groups: 4, widthPerGroup: 16 })],
  ['wide', resnet({ block: Bottleneck, layers: [1, 1, 1, 1], widthPerGroup: 96 })],
  [
    'dilated',
    resnet({ block: Bottleneck, layers: [1, 1, 2, 2], replaceStrideWithDilation: [false, true, true] }),
  ],
  ['cifar', () => new CifarResNet({ blocks: 2 })],
];

describe('arithmetic against PyTorch', () => {
  it.each(recordedModels)('%s: names, and logits to 1e-4, eager and compiled', async (name, create) => {
    const { keys, input, logits } = recorded[name]!;
    const model = create();
    expect([...model.stateDict().keys()]).toEqual(keys);
    model.loadStateDict(formulaWeights(model));
    model.eval();
    const x = formulaTensor('input', input);
    const eager = await scope(() => model.forward(Tensor.from(x, input))).data();
    const plan = await compile(model, { input: [...input], device: 'cpu' });
    const compiled = await ((await plan.run(x)) as Tensor).data();
    for (const [index, expected] of logits.entries()) {
      expect(Math.abs(Number(eager[index]) - expected)).toBeLessThan(1e-4);
      expect(Math.abs(Number(compiled[index]) - expected)).toBeLessThan(1e-4);
    }
    plan.dispose();
    model.dispose();
  });
});

describe('initialisation', () => {
  it('draws convolutions with variance 2 / fan-out, and sets norms to one and zero', async () => {
    manualSeed(7);
    const model = new ResNet({ block: Bottleneck, layers: [1, 1, 1, 1], groups: 2, widthPerGroup: 32 });
    let convolutions = 0;
    for (const [name, tensor] of model.namedParameters()) {
      const values = Array.from((await tensor.data()) as Float32Array);
      if (tensor.shape.length === 4) {
        convolutions++;
        const [output, , height, width] = tensor.shape as [number, number, number, number];
        const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        const expected = 2 / (output * height * width);
        // Six standard errors of the variance of so many normal numbers: 6 · √(2 / n).
        expect(Math.abs(variance / expected - 1), name).toBeLessThan(6 * Math.sqrt(2 / values.length));
        expect(Math.abs(mean), name).toBeLessThan(6 * Math.sqrt(expected / values.length));
        // Normal, not uniform: a uniform distribution of this variance ends at 1.73 deviations.
        expect(Math.max(...values.slice(0, 9000)), name).toBeGreaterThan(2 * Math.sqrt(expected));
      } else if (name.startsWith('fc.')) {
        const bound = 1 / Math.sqrt(2048);
        expect(Math.max(...values.slice(0, 9000).map(Math.abs)), name).toBeLessThanOrEqual(bound);
      } else {
        expect(new Set(values), name).toEqual(new Set([name.endsWith('weight') ? 1 : 0]));
      }
    }
    expect(convolutions).toBe(1 + 4 * 3 + 4);
    model.dispose();
  });

  it('is the same for the same seed and another for another', async () => {
    const draw = async (seed: number) => {
      manualSeed(seed);
      return cifarResnet20().conv1.weight.data();
    };
    const first = await draw(1);
    expect(await draw(1)).toEqual(first);
    expect(await draw(2)).not.toEqual(first);
  });

  it.each([
    ['BasicBlock', BasicBlock, 'bn2'],
    ['Bottleneck', Bottleneck, 'bn3'],
  ] as const)('zeroInitResidual: every %s begins as its shortcut', async (_name, block, last) => {
    const model = new ResNet({ block, layers: [2, 1, 1, 1], zeroInitResidual: true, numClasses: 3 });
    const zeros = model.namedParameters().filter(([name]) => name.endsWith(`${last}.weight`));
    expect(zeros).toHaveLength(5);
    for (const [, tensor] of zeros) expect(new Set(await tensor.data('f32'))).toEqual(new Set([0]));
    model.eval();
    const channels = 64 * block.expansion;
    const values = formulaTensor('x', [1, channels, 3, 3]);
    const second = [...model.namedModules()].find(
      ([name]) => name === 'layer1.1',
    )![1] as unknown as BasicBlock;
    const output = await scope(() => second.forward(Tensor.from(values, [1, channels, 3, 3]))).data();
    expect(Array.from(output as Float32Array)).toEqual(Array.from(values, (value) => Math.max(value, 0)));
    model.dispose();
  });
});

describe('options', () => {
  it.each([
    [{ layers: [1, 2, 3] }, /layers must be four counts of 1 or more.*got \[1,2,3\]/],
    [{ layers: [1, 2, 0, 1] }, /layers must be four counts/],
    [{ layers: [1, 2, 1.5, 1] }, /layers must be four counts/],
    [{ numClasses: 0 }, /numClasses must be a whole number of 1 or more, got 0/],
    [{ numClasses: Number.NaN }, /numClasses must be .* got NaN/],
    [{ groups: 2 }, /BasicBlock: has one group of width 64 only, got groups = 2/],
    [{ widthPerGroup: 128 }, /BasicBlock: .* widthPerGroup = 128/],
    [{ replaceStrideWithDilation: [false, false, true] }, /BasicBlock: cannot be dilated/],
    [{ replaceStrideWithDilation: [true] }, /replaceStrideWithDilation must be three booleans/],
  ])('new ResNet with %j is an ArgumentError', (options, text) => {
    const all = { block: BasicBlock, layers: [1, 1, 1, 2], ...options } as unknown as ResNetOptions;
    expect(() => new ResNet(all)).toThrow(ArgumentError);
    expect(() => new ResNet(all)).toThrow(text);
  });

  it('new CifarResNet with no blocks or no classes is an ArgumentError', () => {
    expect(() => new CifarResNet({ blocks: 0 })).toThrow(/blocks must be a whole number of 1 or more, got 0/);
    expect(() => cifarResnet20({ numClasses: -1 })).toThrow(/numClasses must be/);
  });

  it('the stride of a bottleneck sits in its 3x3 convolution (v1.5)', () => {
    const block = new Bottleneck(256, 128, { stride: 2 });
    expect([...block.conv1.stride]).toEqual([1, 1]);
    expect([...block.conv2.stride]).toEqual([2, 2]);
  });
});

describe('registry', () => {
  it('knows each network under its own name', () => {
    for (const [name, entry] of Object.entries(models)) expect(entry.name).toBe(name);
    expect(Object.keys(models)).toHaveLength(13);
  });

  it.each([
    ['resnet50', 'resnet50'],
    ['ResNet50', 'resnet50'],
    ['wide_resnet50_2', 'wideResnet50_2'],
    ['cifar-resnet20', 'cifarResnet20'],
    ['resnext50_32x4d', 'resnext50_32x4d'],
  ])('%s finds %s', (name, expected) => {
    expect(findModel(name).name).toBe(expected);
  });

  it('names all networks where the name is unknown', () => {
    expect(() => findModel('resnet99')).toThrow(
      /unknown model 'resnet99' \(known: resnet18, .*cifarResnet110\)/,
    );
    expect(() => findModel('constructor')).toThrow(ArgumentError);
  });

  it.each(['resnet18', 'cifarResnet20'] as ModelName[])(
    '%s: output, labels and input fit together',
    async (name) => {
      const { create, inputShape, labels } = models[name];
      const model = create();
      model.eval();
      const shape = [1, ...inputShape];
      const logits = scope(() => model.forward(Tensor.from(formulaTensor('x', shape), shape)));
      expect(logits.shape).toEqual([1, labels.length]);
      await logits.data();
      model.dispose();
    },
  );
});
