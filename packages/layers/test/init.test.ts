import {
  BatchNorm2d,
  Conv2d,
  Embedding,
  init,
  LayerNorm,
  Linear,
  MultiheadAttention,
  skipInit,
} from '@fusor/layers';
import { ArgumentError, manualSeed, ShapeError, Tensor } from '@fusor/native';
import { beforeEach, describe, expect, it } from 'vitest';
import { numbers } from './support/compare.ts';

beforeEach(() => manualSeed(20261123));

interface Moments {
  readonly mean: number;
  readonly deviation: number;
  readonly least: number;
  readonly greatest: number;
}

async function moments(tensor: Tensor): Promise<Moments> {
  const data = await numbers(tensor);
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const variance = data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length;
  return {
    mean,
    deviation: Math.sqrt(variance),
    least: data.reduce((a, b) => Math.min(a, b)),
    greatest: data.reduce((a, b) => Math.max(a, b)),
  };
}

// Of n samples the mean strays by deviation/√n and the deviation by about deviation/√(2n): five of these, n = 147456.
const shape = [256, 64, 3, 3];
const STRAY = 5 / Math.sqrt(256 * 64 * 9);

function expectUniform(actual: Moments, bound: number): void {
  const deviation = bound / Math.sqrt(3);
  expect(Math.abs(actual.mean)).toBeLessThan(deviation * STRAY);
  expect(Math.abs(actual.deviation / deviation - 1)).toBeLessThan(STRAY);
  expect(actual.least).toBeGreaterThanOrEqual(-bound);
  expect(actual.greatest).toBeLessThanOrEqual(bound);
  // All of the range is used.
  expect(actual.least).toBeLessThan(-0.999 * bound);
  expect(actual.greatest).toBeGreaterThan(0.999 * bound);
}

function expectNormal(actual: Moments, deviation: number): void {
  expect(Math.abs(actual.mean)).toBeLessThan(deviation * STRAY);
  expect(Math.abs(actual.deviation / deviation - 1)).toBeLessThan(STRAY);
  // Of 147456 normal numbers the greatest lies between 4 and 6 deviations with near certainty.
  expect(actual.greatest).toBeGreaterThan(3.8 * deviation);
  expect(actual.greatest).toBeLessThan(6.5 * deviation);
}

const [fanIn, fanOut] = [64 * 9, 256 * 9];

describe('initializers have the distributions of torch.nn.init', () => {
  it('kaimingUniform is uniform in ±gain √(3 / fanIn)', async () => {
    expectUniform(await moments(init.kaimingUniform(shape)), Math.SQRT2 * Math.sqrt(3 / fanIn));
    expectUniform(await moments(init.kaimingUniform(shape, { a: Math.sqrt(5) })), 1 / Math.sqrt(fanIn));
  });

  it('kaimingNormal with fan out and ReLU, torchvision’s for ResNets, has deviation √(2 / fanOut)', async () => {
    const weight = init.kaimingNormal(shape, { mode: 'fanOut', nonlinearity: 'relu' });
    expectNormal(await moments(weight), Math.sqrt(2 / fanOut));
  });

  it('xavierUniform and xavierNormal look both ways, and take a gain', async () => {
    expectUniform(await moments(init.xavierUniform(shape)), Math.sqrt(6 / (fanIn + fanOut)));
    expectNormal(await moments(init.xavierNormal(shape, { gain: 2 })), 2 * Math.sqrt(2 / (fanIn + fanOut)));
  });

  it('uniform, normal, constant, ones and zeros', async () => {
    const uniform = await moments(init.uniform(shape, 2, 6));
    expect(Math.abs(uniform.mean - 4)).toBeLessThan((4 / Math.sqrt(12)) * STRAY);
    expect(uniform.least).toBeGreaterThanOrEqual(2);
    const normal = await moments(init.normal(shape, -3, 0.5));
    expect(Math.abs(normal.mean + 3)).toBeLessThan(0.5 * STRAY);
    expect(Math.abs(normal.deviation / 0.5 - 1)).toBeLessThan(STRAY);
    expect(await numbers(init.constant([3], 2.5))).toEqual([2.5, 2.5, 2.5]);
    expect(await numbers(init.ones([2]))).toEqual([1, 1]);
    expect(await numbers(init.zeros([2]))).toEqual([0, 0]);
  });

  it('truncNormal stays within its bounds and has the shares of a normal distribution in between', async () => {
    const data = await numbers(init.truncNormal(shape, { mean: 1, deviation: 2, low: -1, high: 4 }));
    expect(data.every((value) => value >= -1 && value <= 4)).toBe(true);
    // Φ(−1) = 0.158655, Φ(1.5) = 0.933193; below the mean lie (0.5 − Φ(−1)) / (Φ(1.5) − Φ(−1)) = 0.440754.
    const below = data.filter((value) => value < 1).length / data.length;
    expect(Math.abs(below - 0.440754)).toBeLessThan(0.5 * STRAY);
    // Beyond one deviation above the mean: (Φ(1.5) − Φ(1)) / 0.774538 = 0.118607.
    const beyond = data.filter((value) => value > 3).length / data.length;
    expect(Math.abs(beyond - 0.118607)).toBeLessThan(0.33 * STRAY);
    const narrow = await moments(init.truncNormal(shape, { low: -0.01, high: 0.02 }));
    expect(narrow.least).toBeGreaterThanOrEqual(Math.fround(-0.01));
    expect(narrow.greatest).toBeLessThanOrEqual(Math.fround(0.02));
    expect(Math.abs(narrow.mean - 0.005)).toBeLessThan(0.03 * STRAY);
    const wide = await moments(init.truncNormal(shape, { low: -50, high: 50 }));
    expectNormal(wide, 1);
  });

  it('a tensor is filled in place, a shape makes a new one; the seed decides', async () => {
    const tensor = Tensor.zeros([4, 3]);
    expect(init.kaimingNormal(tensor)).toBe(tensor);
    const first = await numbers(tensor);
    expect(new Set(first).size).toBeGreaterThan(6);
    manualSeed(20261123);
    expect(await numbers(init.kaimingNormal([4, 3]))).toEqual(first);
  });

  it('gains are those of PyTorch', () => {
    expect(init.calculateGain('relu')).toBe(Math.SQRT2);
    expect(init.calculateGain('tanh')).toBe(5 / 3);
    expect(init.calculateGain('leaky-relu')).toBeCloseTo(Math.sqrt(2 / 1.0001), 12);
    expect(init.calculateGain('leaky-relu', 2)).toBeCloseTo(Math.sqrt(2 / 5), 12);
    expect(init.calculateFans([8, 4, 3, 2])).toEqual({ fanIn: 24, fanOut: 48 });
  });

  it('refuses shapes without fans and values that are none', () => {
    expect(() => init.kaimingNormal([3])).toThrow(ShapeError);
    expect(() => init.uniform([3], 2, 1)).toThrow(ArgumentError);
    expect(() => init.normal([3], 0, Number.NaN)).toThrow(ArgumentError);
    expect(() => init.truncNormal([3], { deviation: 0 })).toThrow(ArgumentError);
  });
});

describe('layers begin as in torch.nn', () => {
  it('convolutions and linear layers: weight and bias uniform in ±1/√fanIn', async () => {
    const conv = new Conv2d(64, 256, 3);
    expectUniform(await moments(conv.weight), 1 / Math.sqrt(fanIn));
    const bias = await moments(conv.bias!);
    expect(bias.greatest).toBeLessThanOrEqual(1 / Math.sqrt(fanIn));
    expect(bias.greatest).toBeGreaterThan(0.9 / Math.sqrt(fanIn));
    const grouped = await moments(new Conv2d(64, 4096, 3, { groups: 16 }).weight);
    expectUniform(grouped, 1 / Math.sqrt(4 * 9));
    expectUniform(await moments(new Linear(384, 384).weight), 1 / Math.sqrt(384));
  });

  it('norms: ones and zeros; statistics 0 and 1', async () => {
    const norm = new BatchNorm2d(3);
    const state = await Promise.all([...norm.stateDict().values()].map(numbers));
    expect(state).toEqual([[1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1], [0]]);
    const layer = new LayerNorm([2]);
    expect(await numbers(layer.weight!)).toEqual([1, 1]);
    expect(await numbers(layer.bias!)).toEqual([0, 0]);
  });

  it('embeddings: normal, with a row of zeros for padding', async () => {
    expectNormal(await moments(new Embedding(2304, 64).weight), 1);
    const padded = await numbers(new Embedding(3, 2, { paddingIndex: -2 }).weight);
    expect(padded.slice(2, 4)).toEqual([0, 0]);
    expect(padded.filter((value) => value === 0).length).toBe(2);
  });

  it('attention: Xavier uniform for the joint projection, zeros for biases', async () => {
    const attention = new MultiheadAttention(128, 4);
    const { least, greatest } = await moments(attention.in_proj_weight!);
    const bound = Math.sqrt(6 / (128 + 384));
    expect(greatest).toBeLessThanOrEqual(bound);
    expect(greatest).toBeGreaterThan(0.99 * bound);
    expect(least).toBeLessThan(-0.99 * bound);
    expect(new Set(await numbers(attention.in_proj_bias!))).toEqual(new Set([0]));
    expect(new Set(await numbers(attention.out_proj.bias!))).toEqual(new Set([0]));
  });

  it('with weightInit as told, and within skipInit as zeros', async () => {
    const conv = new Conv2d(1, 2, 1, { weightInit: (size) => init.constant(size, 3) });
    expect(await numbers(conv.weight)).toEqual([3, 3]);
    const empty = skipInit(() => new Linear(2, 1));
    expect(await numbers(empty.weight)).toEqual([0, 0]);
    expect(new Set(await numbers(new Linear(50, 50).weight)).size).toBeGreaterThan(1000);
  });
});
