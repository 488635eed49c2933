import type { LazyWeights } from './lazy.ts';
import { limitOf, openWeights, type ResolvedOptions, resolve } from './open.ts';
import { inFile, quoted, refuse } from './refuse.ts';
import type { Storage, StoredTensor } from './stored.ts';
import type { ReadOptions, StateDict, TensorRecord, WeightsInput } from './types.ts';

/**
 * Reads all tensors of a file of weights. The format is told by content: safetensors, or PyTorch's `.pth`, `.pt`,
 * `.bin`, `.th` in both containers. Tensors are read one by one, so nothing but them is held in memory; elements are
 * contiguous, however they lie in the file.
 *
 * Names of a PyTorch file that are the same view of the same storage (tied weights) share one `data` array here too.
 *
 * @param input a path, a `file:` URL, or the bytes of a file
 * @throws {WeightsError} when the file cannot be opened, is damaged, hostile or of another kind; when a checkpoint
 *   holds no tensors where they are looked for, the error tells its keys
 * @throws {ArgumentError} for an argument or option of a wrong kind
 */
export async function readStateDict(input: WeightsInput, options: ReadOptions = {}): Promise<StateDict> {
  const resolved = resolve(options);
  await using weights = await openWeights(input, resolved);
  // Awaited here, or the file would be closed first.
  return await readAll(weights, resolved);
}

async function readAll(weights: LazyWeights, options: ResolvedOptions): Promise<StateDict> {
  const { source } = weights;
  const limit = limitOf(source, options);
  const seen = new Map<Storage, Map<string, TensorRecord>>();
  const dict: StateDict = new Map();
  let total = 0;
  for (const [name, tensor] of weights.stored) {
    const views = seen.get(tensor.storage) ?? new Map<string, TensorRecord>();
    seen.set(tensor.storage, views);
    const key = viewKey(tensor);
    let record = views.get(key);
    if (record === undefined) {
      total += tensor.byteLength;
      if (total > limit) {
        await inFile(source.label, async () =>
          refuse(
            `up to tensor ${quoted(name)} its tensors take ${total} bytes, more than maxBytes = ${limit} ` +
              `for a file of ${source.size}: many views of one storage?`,
          ),
        );
      }
      record = await weights.read(name);
      views.set(key, record);
    }
    dict.set(name, record);
  }
  return dict;
}

function viewKey({ traits, view }: StoredTensor): string {
  return `${traits.dtype};${view.offset};${view.shape.join()};${view.strides.join()}`;
}
