import { ArgumentError } from '@fusor/errors';
import { findPackage, whyNot } from './optional.ts';

/**
 * onnxruntime-node, as far as it is used here. Types of our own, because the package is optional: who has not installed
 * it can still use and type-check this one.
 */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array | string, options: object): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => object;
}

interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, object>): Promise<Record<string, { readonly data: unknown }>>;
  endProfiling(): void;
  release(): Promise<void>;
}

/** A network loaded into onnxruntime. */
export interface RivalNetwork {
  /** Runs the network on the input that it was loaded with, and gives the first output. */
  run(): Promise<Float32Array>;
  /** Writes the profile that `load` was asked for. */
  endProfile(): void;
  /** Frees its memory and ends its threads. */
  close(): Promise<void>;
}

/** The other engine of the benchmark. */
export interface OnnxRival {
  /** `onnxruntime-node 1.30.0` */
  readonly name: string;
  /**
   * Loads `model` at its best settings: all graph optimisations, nodes one after another with `threads` threads in
   * each, and threads that spin between runs (which is the default, and fast).
   * @param model a network's bytes, or the path of its file
   * @param options.profile file name, without its ending, of a profile to write
   */
  load(
    model: Uint8Array | string,
    inputs: readonly { readonly data: Float32Array; readonly shape: readonly number[] }[],
    threads: number,
    options?: { readonly profile?: string },
  ): Promise<RivalNetwork>;
}

/** onnxruntime-node if it can be loaded, else the reason why not. */
export async function findOnnxRuntime(): Promise<OnnxRival | { readonly missing: string }> {
  let runtime: OnnxRuntime;
  let version: string;
  try {
    const { url, version: installed } = await findPackage('onnxruntime-node');
    const loaded = (await import(url)) as OnnxRuntime & { readonly default?: OnnxRuntime };
    runtime = loaded.default ?? loaded;
    version = installed;
  } catch (error) {
    return { missing: whyNot('onnxruntime-node', error, 'npm install onnxruntime-node --ignore-scripts') };
  }
  return {
    name: `onnxruntime-node ${version}`,
    load: async (model, inputs, threads, { profile } = {}) => {
      const session = await runtime.InferenceSession.create(model, {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        // Complaints about a file that we wrote ourselves are for the log of its own level: errors.
        logSeverityLevel: 3,
        ...(profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: profile }),
      });
      const feeds = Object.fromEntries(
        inputs.map(({ data, shape }, index) => [
          session.inputNames[index]!,
          new runtime.Tensor('float32', data, shape),
        ]),
      );
      return {
        run: async () => {
          const results = await session.run(feeds);
          const { data } = results[session.outputNames[0]!]!;
          if (data instanceof Float32Array) return data;
          if (data instanceof BigInt64Array) return Float32Array.from(data, Number);
          throw new ArgumentError('the network has no output of numbers');
        },
        endProfile: () => session.endProfiling(),
        close: () => session.release(),
      };
    },
  };
}
