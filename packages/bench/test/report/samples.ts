// Results of every kind, made from the sample file of networks: figures are made up, but have the form and the size of
// real ones.
import { readFile } from 'node:fs/promises';
import {
  checkResults,
  type KernelResult,
  type KernelsResults,
  type ModelsResults,
  type RooflineResults,
  type Spread,
  type StartResults,
  verdictOf,
} from '@fusor/bench/results';

export async function modelsSample(): Promise<ModelsResults> {
  const text = await readFile(new URL('../samples/models.json', import.meta.url), 'utf8');
  return checkResults('models.json', JSON.parse(text)) as ModelsResults;
}

export function spreadAround(median: number, share = 0.03): Spread {
  return { median, lowerQuartile: median * (1 - share), upperQuartile: median * (1 + share), count: 9 };
}

/** The same run some days later: the compiled plan a tenth faster, all else as it was. */
export function laterRun(models: ModelsResults): ModelsResults {
  const faster = ({ median, lowerQuartile, upperQuartile, count }: Spread): Spread => ({
    median: median * 0.9,
    lowerQuartile: lowerQuartile * 0.9,
    upperQuartile: upperQuartile * 0.9,
    count,
  });
  return {
    ...models,
    date: '2026-12-01T09:00:00.000Z',
    fusor: { version: '0.1.0', commit: 'abcdef0' },
    networks: models.networks.map((network) => ({
      ...network,
      engines: network.engines.map((engine) =>
        engine.engine === 'compiled'
          ? {
              ...engine,
              milliseconds: faster(engine.milliseconds),
              rounds: engine.rounds.map((time) => time * 0.9),
            }
          : engine,
      ),
    })),
  };
}

const shapes: readonly (readonly [
  op: string,
  shape: string,
  algorithm: string,
  gflop: number,
  ratio: number,
])[] = [
  ['conv2d', 'c64 k64 56x56 3x3 p1 +relu', 'winograd f4 (table)', 0.231, 3.4],
  ['conv2d', 'c128 k128 28x28 3x3 p1 +add +relu', 'winograd f4 (table)', 0.231, 3.1],
  ['conv2d', 'c256 k256 14x14 3x3 p1 +relu', 'winograd f4 (table)', 0.231, 2.5],
  ['conv2d', 'c512 k512 7x7 3x3 p1 +relu', 'winograd f2 (table)', 0.231, 1.74],
  ['conv2d', 'c64 k128 56x56 3x3 s2 p1 +relu', 'direct (table)', 0.116, 1.21],
  ['conv2d', 'c256 k64 56x56 1x1 +relu', 'pointwise (table)', 0.103, 1.07],
  ['conv2d', 'c1024 k2048 14x14 1x1 s2', 'pointwise (table)', 0.205, 0.94],
  ['layerNorm', '512x768', 'row in registers', 0, 2.6],
  ['layerNorm', '4096x4096', 'row in registers', 0, 2.1],
];

export function kernelsSample(models: ModelsResults): KernelsResults {
  const kernels = shapes.map(([op, shape, algorithm, gflop, ratio]): KernelResult => {
    const time = gflop > 0 ? gflop * 8 : 0.4;
    const timing = (engine: string, milliseconds: number) => ({
      engine,
      milliseconds: spreadAround(milliseconds),
      noisy: false,
      rounds: [milliseconds],
      gflops: (1000 * gflop) / milliseconds,
      gigabytesPerSecond: 3 / milliseconds,
      peakShare: (10 * gflop) / milliseconds,
    });
    const best = { rival: 'onnxruntime', ratio: spreadAround(ratio, ratio > 3 ? 0.09 : 0.02) };
    return {
      shape,
      op,
      batch: 1,
      threads: 1,
      networks: op === 'conv2d' ? [{ network: 'resnet18', count: 2 }] : [],
      gflop,
      bytes: 3e6,
      algorithm,
      engines: [timing('compiled', time), timing('onnxruntime', time * ratio)],
      speedups: [best, { rival: 'pytorch', ratio: spreadAround(ratio * 1.3) }],
      best,
      ...(gflop > 0 ? {} : { copy: { milliseconds: spreadAround(0.41), share: spreadAround(1.02) } }),
      verdict: verdictOf(best),
    };
  });
  return { ...models, kind: 'kernels', command: ['kernels', '--json', 'kernels.json'], kernels };
}

export function rooflineSample(models: ModelsResults): RooflineResults {
  const networks = models.networks
    .filter(({ batch, threads }) => batch === 1 && threads === 1)
    .map(({ model, batch, threads, layers }) => ({ model, batch, threads, layers }));
  return { ...models, kind: 'roofline', command: ['roofline', '--json', 'roofline.json'], networks };
}

export function startSample(models: ModelsResults): StartResults {
  const timing = (engine: string, scale: number) => ({
    engine,
    milliseconds: spreadAround(700 * scale),
    noisy: false,
    rounds: [700 * scale],
    phases: ['process', 'import', 'load', 'compile', 'first run'].map((name, index) => ({
      name,
      milliseconds: spreadAround([60, 90, 280, 200, 70][index]! * scale),
    })),
    peakBytes: spreadAround(3.5e8 * scale),
  });
  return {
    ...models,
    kind: 'start',
    command: ['start', 'resnet50'],
    starts: [
      {
        model: 'resnet50',
        threads: 2,
        fileBytes: 102_000_000,
        engines: [timing('compiled', 0.6), timing('onnxruntime', 1)],
        speedups: [{ rival: 'onnxruntime', ratio: spreadAround(1.67) }],
      },
    ],
  };
}
