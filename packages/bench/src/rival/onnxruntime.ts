import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ArgumentError } from '@fusor/errors';

/**
 * onnxruntime-node, as far as it is used here. Types of our own, because the package is optional: who has not installed
 * it can still use and type-check this one.
 */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: object): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => object;
}

interface OnnxSession {
  run(feeds: Record<string, object>): Promise<Record<string, { readonly data: unknown }>>;
  release(): Promise<void>;
}

/** A network loaded into onnxruntime. */
export interface RivalNetwork {
  /** Runs the network on the input that it was loaded with, and gives the first output. */
  run(): Promise<Float32Array>;
  /** Frees its memory and ends its threads. */
  close(): Promise<void>;
}

/** The other engine of the benchmark. */
export interface Rival {
  /** `onnxruntime-node 1.30.0` */
  readonly name: string;
  /**
   * Loads `model` at its best settings: all graph optimisations, nodes one after another with `threads` threads in
   * each, and threads that spin between runs (which is the default, and fast).
   */
  load(
    model: Uint8Array,
    input: { readonly data: Float32Array; readonly shape: readonly number[] },
    threads: number,
  ): Promise<RivalNetwork>;
}

/** onnxruntime-node if it can be loaded, else the reason why not. */
export async function findOnnxRuntime(): Promise<Rival | { readonly missing: string }> {
  let runtime: OnnxRuntime;
  let version: string;
  try {
    // A name that the compiler does not look up: the package may not be there.
    const name: string = 'onnxruntime-node';
    const loaded = (await import(name)) as OnnxRuntime & { readonly default?: OnnxRuntime };
    runtime = loaded.default ?? loaded;
    version = await installedVersion(name);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const missing =
      code === 'ERR_MODULE_NOT_FOUND'
        ? 'onnxruntime-node is not installed (npm install onnxruntime-node --ignore-scripts)'
        : `onnxruntime-node cannot be loaded: ${error instanceof Error ? error.message : String(error)}`;
    return { missing };
  }
  return {
    name: `onnxruntime-node ${version}`,
    load: async (model, input, threads) => {
      const session = await runtime.InferenceSession.create(model, {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
      });
      const feeds = { input: new runtime.Tensor('float32', input.data, input.shape) };
      return {
        run: async () => {
          const [first] = Object.values(await session.run(feeds));
          if (!(first?.data instanceof Float32Array)) {
            throw new ArgumentError('the network has no output of f32');
          }
          return first.data;
        },
        close: () => session.release(),
      };
    },
  };
}

async function installedVersion(name: string): Promise<string> {
  const entry = createRequire(import.meta.url).resolve(name);
  const manifest = await readFile(join(dirname(entry), '..', 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
