import { ArgumentError } from '@fusor/errors';
import { type ByteSource, openByteSource } from './byte-source.ts';
import { LazyWeights } from './lazy.ts';
import { inFile, quoted, refuse } from './refuse.ts';
import { openSafetensors } from './safetensors/read.ts';
import type { StoredTensor, WeightsFile } from './stored.ts';
import { openTorchArchive } from './torch/archive.ts';
import { openTorchLegacy } from './torch/legacy.ts';
import type { LazyStateDict, ReadOptions, WeightsInput } from './types.ts';

/** Options with their defaults, checked. */
export interface ResolvedOptions {
  readonly unwrap: boolean | string;
  readonly stripPrefix: string | false;
  readonly maxBytes: number;
}

/**
 * Opens a file of weights and reads what it holds (names, dtypes, shapes), but no elements. The format is told by
 * content, never by name: safetensors, PyTorch's zip archive (since 1.6) or its older stream.
 *
 * ```ts
 * await using weights = await openStateDict('resnet50.safetensors');
 * for (const [name, { dtype, shape }] of weights.tensors) console.log(name, dtype, shape);
 * const { data } = await weights.read('fc.bias');
 * ```
 *
 * Nothing in a file is run: pickles go through an allow-list, and sizes are checked against the file before memory
 * is taken. Reading never holds the event loop for more than a few milliseconds.
 *
 * @param input a path, a `file:` URL, or the bytes of a file
 * @throws {WeightsError} when the file cannot be opened, is damaged, hostile or of another kind
 * @throws {ArgumentError} for an argument or option of a wrong kind
 */
export async function openStateDict(input: WeightsInput, options: ReadOptions = {}): Promise<LazyStateDict> {
  return openWeights(input, resolve(options));
}

/** {@link openStateDict} for callers inside the package. */
export async function openWeights(input: WeightsInput, options: ResolvedOptions): Promise<LazyWeights> {
  const source = await openByteSource(input);
  try {
    return await inFile(source.label, async () => {
      const file = await readContainer(source, options.unwrap);
      const limit = limitOf(source, options);
      const tensors = new Map<string, StoredTensor>();
      const prefix = commonPrefix(file.tensors, options.stripPrefix);
      for (const [name, tensor] of file.tensors) {
        if (tensor.byteLength > limit) {
          refuse(
            `tensor ${quoted(name)} would take ${tensor.byteLength} bytes, more than maxBytes = ${limit} ` +
              `for a file of ${source.size}`,
          );
        }
        tensors.set(name.slice(prefix.length), tensor);
      }
      return new LazyWeights(source, { ...file, tensors });
    });
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * Checks options and fills in defaults.
 * @throws {ArgumentError} naming the option
 */
export function resolve(options: ReadOptions): ResolvedOptions {
  const { unwrap = true, stripPrefix = 'module.', maxBytes = Number.NaN } = options;
  if (typeof unwrap !== 'boolean' && typeof unwrap !== 'string') {
    throw new ArgumentError(`weights: unwrap must be a boolean or a key, but is ${String(unwrap)}`);
  }
  if (stripPrefix !== false && typeof stripPrefix !== 'string') {
    throw new ArgumentError(`weights: stripPrefix must be a string or false, but is ${String(stripPrefix)}`);
  }
  if (typeof maxBytes !== 'number' || (options.maxBytes !== undefined && !(maxBytes >= 0))) {
    throw new ArgumentError(`weights: maxBytes must be a number of bytes, but is ${String(maxBytes)}`);
  }
  return { unwrap, stripPrefix, maxBytes };
}

/** The limit on bytes in memory for a file; NaN stands for the default. */
export function limitOf(source: ByteSource, options: ResolvedOptions): number {
  return Number.isNaN(options.maxBytes) ? 2 * source.size + (1 << 20) : options.maxBytes;
}

async function readContainer(source: ByteSource, unwrap: boolean | string): Promise<WeightsFile> {
  const head = await source.read(0, Math.min(source.size, 512));
  // A zip archive has its compression method (0 or 8) where a safetensors header has its '{', and the legacy stream
  // a byte of the magic number or of a frame's length: the three cannot be taken for each other.
  if (head[8] === 0x7b) return openSafetensors(source);
  if (startsWith(head, 'PK\x03\x04') || startsWith(head, 'PK\x05\x06'))
    return openTorchArchive(source, unwrap);
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return openTorchLegacy(source, unwrap);
  return refuse(`not a file of weights: neither safetensors nor PyTorch${guess(head)}`);
}

const OTHERS: readonly (readonly [string, number, string])[] = [
  ['version https://git-lfs', 0, 'a Git LFS pointer: the file itself was never fetched (git lfs pull)'],
  ['\x89HDF\r\n', 0, 'HDF5, as Keras writes it'],
  ['GGUF', 0, 'GGUF'],
  ['\x93NUMPY', 0, 'a NumPy array'],
  ['\x1f\x8b', 0, 'compressed with gzip'],
  ['(\xb5/\xfd', 0, 'compressed with Zstandard'],
  ['ustar', 257, 'a tar archive, as PyTorch wrote before 0.2'],
  ['<!', 0, 'HTML: an error page saved under that name?'],
  ['<html', 0, 'HTML: an error page saved under that name?'],
];

function guess(head: Uint8Array): string {
  if (head.length === 0) return ' (it is empty)';
  const found = OTHERS.find(([magic, offset]) => startsWith(head.subarray(offset), magic));
  return found === undefined ? '' : ` (it looks like ${found[2]})`;
}

function startsWith(bytes: Uint8Array, latin1: string): boolean {
  if (bytes.length < latin1.length) return false;
  for (let i = 0; i < latin1.length; i++) if (bytes[i] !== latin1.charCodeAt(i)) return false;
  return true;
}

/** The prefix when every name has it and none is left empty by losing it, else ''. */
function commonPrefix(tensors: ReadonlyMap<string, unknown>, prefix: string | false): string {
  if (prefix === false) return '';
  for (const name of tensors.keys()) {
    if (!name.startsWith(prefix) || name.length === prefix.length) return '';
  }
  return prefix;
}
