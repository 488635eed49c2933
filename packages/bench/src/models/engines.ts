import { compile, type Module } from '@fusor/layers';
import { type DeviceOption, scope, Tensor } from '@fusor/native';
import type { EngineInfo, Layer, Precision } from '../results/types.ts';
import type { LoadedNetwork } from '../rival/model-rival.ts';
import type { Contestant } from '../timing/rounds.ts';
import { spread } from '../timing/statistics.ts';
import { layersOf } from './layers.ts';

/** A network ready to run on one input in one way. */
export interface Engine extends Contestant {
  readonly info: Pick<EngineInfo, 'id' | 'label'>;
  /** The logits of the last run. */
  readonly logits: Float32Array;
  close(): Promise<void>;
  /** Where the time goes, step by step; only of a compiled plan. */
  profile?(): Promise<Layer[]>;
}

/** An image batch in JavaScript's memory, `[n, c, h, w]`. */
export interface Images {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly [number, number, number, number];
}

export interface PlanOptions {
  readonly device: DeviceOption;
  readonly dtype?: Precision;
  readonly threads: number;
}

/** Profiles of a plan that quartiles are taken of; each is a median over some runs. */
const profileRounds = 5;

/** The compiled plan. Input and output cross the border as in onnxruntime: typed arrays that both sides keep. */
export async function compiledEngine(
  model: Module,
  images: Images,
  outputs: number,
  options: PlanOptions,
): Promise<Engine> {
  const plan = await compile(model, { input: images.shape, ...options });
  const logits = new Float32Array(images.shape[0] * outputs);
  return {
    name: 'compiled',
    info: { id: 'compiled', label: 'fusor compiled' },
    logits,
    run: async () => {
      await plan.run(images.data, { into: logits });
    },
    close: async () => plan.dispose(),
    profile: async () => {
      const profiles = [];
      for (let round = 0; round < profileRounds; ++round)
        profiles.push((await plan.profile(images.data)).steps);
      return layersOf(profiles, spread);
    },
  };
}

/** More than the L2 of any GPU so far holds. */
const pastCaches = 128 * 2 ** 20;

/**
 * The compiled plan on a GPU: images lie in its memory, more of them than its caches hold, and take turns; what comes
 * back are the logits.
 */
export async function deviceEngine(
  model: Module,
  images: Images,
  outputs: number,
  options: PlanOptions,
): Promise<Engine> {
  const { shape, data } = images;
  const plan = await compile(model, { input: shape, ...options });
  const { device } = options;
  const isEmulated = device.startsWith('cuda-emulated');
  const turns = isEmulated ? 2 : Math.max(2, Math.ceil(pastCaches / data.byteLength));
  const inputs = Array.from({ length: turns }, (_, turn) =>
    turn === 0 ? Tensor.from(data, shape, { device }) : Tensor.randn(shape, { device }),
  );
  // Those of the first image, the one that all engines get, are what is compared.
  const logits = new Float32Array(shape[0] * outputs);
  const others = new Float32Array(logits.length);
  let turn = 0;
  return {
    name: 'compiled',
    info: { id: 'compiled', label: 'fusor compiled' },
    logits,
    run: async () => {
      await plan.run(inputs[turn]!, { into: turn === 0 ? logits : others });
      turn = (turn + 1) % turns;
    },
    close: async () => {
      for (const input of inputs) input.dispose();
      plan.dispose();
    },
    profile: async () => {
      const profiles = [];
      for (let round = 0; round < (isEmulated ? 1 : profileRounds); ++round)
        profiles.push((await plan.profile(inputs[round % turns]!, isEmulated ? { repeats: 1 } : {})).steps);
      return layersOf(profiles, spread);
    },
  };
}

/** Layer by layer, as `forward` is written. */
export function eagerEngine(model: Module, images: Images, outputs: number, device: DeviceOption): Engine {
  const logits = new Float32Array(images.shape[0] * outputs);
  const input = Tensor.from(images.data, images.shape, { device });
  return {
    name: 'eager',
    info: { id: 'eager', label: 'fusor eager' },
    logits,
    run: async () => {
      const output = scope(() => model.forward(input) as Tensor);
      logits.set((await output.data()) as Float32Array);
      output.dispose();
    },
    close: async () => input.dispose(),
  };
}

/** The same network in another engine. */
export function rivalEngine(info: EngineInfo, network: LoadedNetwork): Engine {
  return {
    name: info.id,
    info,
    optional: true,
    get logits() {
      return network.output;
    },
    run: () => network.run(),
    ...(network.turn === undefined ? {} : { turn: (milliseconds: number) => network.turn!(milliseconds) }),
    close: () => network.close(),
  };
}
