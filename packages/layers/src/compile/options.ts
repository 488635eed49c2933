import { ArgumentError, DTypeError } from '@fusor/errors';
import type { Device, DeviceOption } from '@fusor/native';
import { resolveDevice } from '@fusor/native/trace';
import { show } from '../arguments.ts';
import { isPlainRecord } from '../graph/structure.ts';
import type { InputOption } from '../trace/signature.ts';

/** How a plan is made, whatever it is made from. */
export interface PlanBuildOptions {
  /** Where it runs: `'auto'` (default: a GPU that can be used, else the CPU), `'cpu'`, `'cuda'`, `'cuda:1'`. */
  readonly device?: DeviceOption;
  /**
   * What it computes and stores in; default `'f32'`, the only one that the CPU has. With `'f16'` or `'bf16'` weights are
   * rounded once and sums stay f32; inputs come and results go as f32 all the same, except inputs whose dtype is given as
   * `{ shape, dtype: 'bf16' }`.
   */
  readonly dtype?: 'f32' | 'f16' | 'bf16';
  /** CPU threads; default as many as the pool has. Results do not depend on it. */
  readonly threads?: number;
  /** `'table'` (default) chooses algorithms by a cost model of shape and instruction set, `'measure'` by timing them here, once. */
  readonly tune?: 'table' | 'measure';
  /**
   * Directory in which `tune: 'measure'` remembers what it found, for the next process. Default: the environment
   * variable `FUSOR_CACHE_DIR` (empty: remember nothing), else `fusor` in the user's cache directory
   * (`XDG_CACHE_HOME`, `~/.cache`; on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`).
   */
  readonly cacheDirectory?: string;
  /** Algorithms that do not depend on the batch either, and no measuring; default `false`. */
  readonly deterministic?: boolean;
  /** Whether 3×3 convolutions and 7×7 stems may use Winograd's algorithm (error near 1e-6 relative); default `true`. */
  readonly winograd?: boolean;
  /** Of matrix products on GPUs; default `'f32'`. The CPU computes in f32 whatever is asked for. */
  readonly precision?: 'f32' | 'tf32' | 'bf16x3';
  /**
   * Whether a GPU computes a 3×3 convolution and the 1×1 convolutions after it in one kernel, in f16 and bf16: `true`
   * wherever it can, `false` nowhere. Default: where a cost model says that it is faster. The sums are the same up to
   * their order; `describe()` tells what was done and why.
   */
  readonly chains?: boolean;
}

/** Options of `compile`. */
export interface CompileOptions extends PlanBuildOptions {
  /**
   * The inputs of `forward`: a shape, a list of shapes for `forward(x, y)`, a record of shapes for `forward({ x, y })`;
   * `{ shape, dtype }` where the dtype is not f32. One size of each shape may be `'n'`: the batch is then told by each
   * run, planned when it is first met and kept.
   */
  readonly input: InputOption;
  /**
   * `'keep'` (default) leaves the module as it is. `'release'` moves its weights into the plan, which halves the memory;
   * using the module is an error after it, also if the plan could then not be built.
   */
  readonly weights?: 'keep' | 'release';
  /** How many batch sizes of an `'n'` stay planned, the latest used ones; default 4. Each has its own packed weights. */
  readonly plannedBatches?: number;
}

/** Options with their defaults, checked. */
export interface ResolvedOptions {
  readonly device: Device;
  readonly dtype: 'f32' | 'f16' | 'bf16';
  readonly weights: 'keep' | 'release';
  readonly plannedBatches: number;
  /** What goes to the engine. */
  readonly build: Required<Omit<PlanBuildOptions, 'dtype' | 'device' | 'chains'>> & {
    readonly device: Device;
    readonly chains: boolean | undefined;
  };
}

const KNOWN = [
  'input',
  'device',
  'dtype',
  'threads',
  'tune',
  'cacheDirectory',
  'deterministic',
  'winograd',
  'precision',
  'chains',
  'weights',
  'plannedBatches',
];

/**
 * Checks options and fills in defaults.
 * @throws {ArgumentError} naming the option; DTypeError or DeviceError for what a device does not have
 */
export function resolveOptions(options: Partial<CompileOptions>): ResolvedOptions {
  if (!isPlainRecord(options)) {
    throw new ArgumentError(
      `compile: options must be an object such as { input: [1, 3, 224, 224] }, got ${show(options)}`,
    );
  }
  for (const key of Object.keys(options)) {
    if (!KNOWN.includes(key)) {
      throw new ArgumentError(`compile: unknown option '${key}' (known: ${KNOWN.join(', ')})`);
    }
  }
  const device = resolveDevice('compile', options.device ?? 'auto');
  return {
    device,
    dtype: checkDType(options.dtype ?? 'f32', device),
    weights: oneOf('weights', options.weights ?? 'keep', ['keep', 'release']),
    plannedBatches: integer('plannedBatches', options.plannedBatches ?? 4, 1),
    build: {
      device,
      threads: integer('threads', options.threads ?? 0, 0),
      tune: oneOf('tune', options.tune ?? 'table', ['table', 'measure']),
      cacheDirectory: path('cacheDirectory', options.cacheDirectory ?? ''),
      deterministic: flag('deterministic', options.deterministic ?? false),
      winograd: flag('winograd', options.winograd ?? true),
      precision: oneOf('precision', options.precision ?? 'f32', ['f32', 'tf32', 'bf16x3']),
      chains: options.chains === undefined ? undefined : flag('chains', options.chains),
    },
  };
}

function checkDType(dtype: unknown, device: Device): 'f32' | 'f16' | 'bf16' {
  if (dtype === 'f32') return dtype;
  if (dtype !== 'f16' && dtype !== 'bf16') {
    throw new ArgumentError(`compile: dtype must be 'f32', 'f16' or 'bf16', got ${show(dtype)}`);
  }
  if (device !== 'cpu') return dtype;
  throw new DTypeError(`compile: dtype '${dtype}' cannot be had on ${device}, which computes in f32`);
}

function oneOf<T extends string>(name: string, value: T, names: readonly T[]): T {
  if (names.includes(value)) return value;
  throw new ArgumentError(
    `compile: ${name} must be one of ${names.map((known) => `'${known}'`).join(', ')}, got ${show(value)}`,
  );
}

function path(name: string, value: string): string {
  if (typeof value === 'string' && !value.includes('\0')) return value;
  throw new ArgumentError(`compile: ${name} must be a path, got ${show(value)}`);
}

function flag(name: string, value: boolean): boolean {
  if (typeof value === 'boolean') return value;
  throw new ArgumentError(`compile: ${name} must be true or false, got ${show(value)}`);
}

function integer(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(`compile: ${name} must be an integer of at least ${least}, got ${show(value)}`);
}
