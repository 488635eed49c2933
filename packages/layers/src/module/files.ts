import type { DType, Tensor } from '@fusor/native';
import {
  type LazyStateDict,
  openStateDict,
  type TensorInfo,
  type TensorRecord,
  type WeightsData,
  type WeightsInput,
  writeSafetensors,
} from '@fusor/weights';
import { Pacer } from '../pacer.ts';
import { conversionOf, tensorFrom, wideArray, widen } from './convert.ts';
import { walkTensors } from './fields.ts';
import type { AnyModule, LoadFileOptions } from './module.ts';
import { assignAll, disposeAll, type LoadReport, matchEntries, type Staged } from './state-dict.ts';

/** The body of `Module.load`. */
export async function loadFile(
  module: AnyModule,
  input: WeightsInput,
  { strict = true, ...reading }: LoadFileOptions,
): Promise<LoadReport> {
  await using file = await openStateDict(input, reading);
  const { assignments, report } = matchEntries(module, file.tensors, strict);
  const reader = new TensorReader(file);
  const staged: Staged[] = [];
  try {
    for (const { name, target } of assignments) {
      staged.push({ target, source: await reader.read(name, target), owned: true, moves: true });
    }
    assignAll(staged);
  } finally {
    disposeAll(staged);
  }
  return report;
}

// Elements converted in JavaScript between two looks at the clock: about a quarter of a millisecond.
const SLICE = 1 << 16;

/** Reads tensors one after another through one block of memory, which grows to the largest of them. */
class TensorReader {
  readonly #file: LazyStateDict;
  readonly #pacer = new Pacer();
  #scratch = new ArrayBuffer(0);

  constructor(file: LazyStateDict) {
    this.#file = file;
  }

  /** One tensor of the file with the dtype, shape and device of `target`. */
  async read(name: string, target: Tensor): Promise<Tensor> {
    const info = this.#file.tensors.get(name)!;
    const conversion = conversionOf(name, info.dtype);
    const bytes = this.#take(info.byteLength);
    await this.#file.readInto(name, bytes);
    if (this.#pacer.due) await this.#pacer.turn();
    const data = viewOf(conversion.array, bytes, info);
    if (conversion.tensor !== undefined) return tensorFrom(data, conversion.tensor, target);
    const wide = wideArray(data.length, target.dtype);
    for (let start = 0; start < data.length; start += SLICE) {
      if (this.#pacer.due) await this.#pacer.turn();
      widen(data, wide.data, start, Math.min(start + SLICE, data.length));
    }
    return tensorFrom(wide.data, wide.dtype, target);
  }

  #take(byteLength: number): Uint8Array<ArrayBuffer> {
    if (this.#scratch.byteLength < byteLength) this.#scratch = new ArrayBuffer(byteLength);
    return new Uint8Array(this.#scratch, 0, byteLength);
  }
}

type ArrayOverBuffer = new (buffer: ArrayBuffer, offset: number, length: number) => WeightsData;

function viewOf(array: unknown, bytes: Uint8Array<ArrayBuffer>, info: TensorInfo): WeightsData {
  const elements = info.shape.reduce((product, size) => product * size, 1);
  return new (array as ArrayOverBuffer)(bytes.buffer, 0, elements);
}

/** The body of `Module.save`. */
export async function saveFile(module: AnyModule, path: string | URL): Promise<void> {
  const records = new Map<string, TensorRecord>();
  const shared = new Map<Tensor, WeightsData>();
  for (const { name, tensor, persistent } of walkTensors(module)) {
    if (!persistent) continue;
    let data = shared.get(tensor);
    if (data === undefined) {
      data = await tensor.data();
      shared.set(tensor, data);
    }
    records.set(name, { dtype: tensor.dtype satisfies DType, shape: [...tensor.shape], data });
  }
  await writeSafetensors(path, records, { metadata: { format: 'pt' } });
}
