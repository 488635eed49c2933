import type { Graph } from '@fusor/layers';
import type { EngineInfo, MissingEngine } from '../results/types.ts';

/** A network as rivals get it. */
export interface RivalInput {
  readonly name: string;
  /** As `trace` records it, without any pass. Its constants stay alive while a rival loads. */
  readonly graph: Graph;
  /** Where Fusor runs it: `'cuda'` asks a rival that can for the same. */
  readonly device?: string;
  /** What Fusor computes in; absent: f32. A rival that can computes in it on the GPU. */
  readonly dtype?: string;
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/** A network loaded into another engine. */
export interface LoadedNetwork {
  /** Runs it on the input that it was loaded with; resolves when the results are there. */
  run(): Promise<void>;
  /** As `Contestant.turn`: for engines that time themselves, in a process of their own. */
  turn?(milliseconds: number): Promise<number>;
  /** What the last run gave; of engines in other processes, what the first gave. */
  readonly output: Float32Array;
  /** Frees its memory and ends its threads. */
  close(): Promise<void>;
}

/** Another engine that runs whole networks. */
export interface ModelRival {
  readonly info: EngineInfo;
  /** @throws an error that says why it cannot run this network */
  load(network: RivalInput, threads: number): Promise<LoadedNetwork>;
  /** Ends it. */
  close(): Promise<void>;
}

/** A rival if it is there, else the reason why not. */
export type Found = ModelRival | { readonly missing: MissingEngine };

export function isMissing(found: Found): found is { readonly missing: MissingEngine } {
  return 'missing' in found;
}
