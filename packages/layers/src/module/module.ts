import type { DeviceOption, Tensor } from '@fusor/native';
import { resolveDevice } from '@fusor/native/trace';
import type { ReadOptions, WeightsInput } from '@fusor/weights';
import { buffer, bufferOptions } from './buffer.ts';
import { childFields, type NamedModule, type NamedTensorField, walkModules, walkTensors } from './fields.ts';
import { loadFile, saveFile } from './files.ts';
import { MODULE } from './kind.ts';
import { printTree } from './print.ts';
import { isReleased } from './released.ts';
import { type LoadReport, loadDict, type StateDictLike } from './state-dict.ts';

/** Any module, whatever its `forward` takes and returns. */
export type AnyModule = Module<unknown, never[]>;

/** How a state dict is loaded. */
export interface LoadOptions {
  /**
   * `true` (default): names that the module lacks or the dict lacks are an error. `false`: what fits is loaded and the
   * report names the rest. A tensor of another shape is an error either way.
   */
  readonly strict?: boolean;
}

/** How a file of weights is read and loaded. */
export interface LoadFileOptions extends LoadOptions, ReadOptions {}

/**
 * A piece of a network: fields that are its state, and a `forward` that computes.
 *
 * A field that holds a Module is a child, a Tensor is a parameter (or a buffer, if made by `buffer(t)`), an array of
 * Modules is a list of children (`blocks.0`, `blocks.1`, …); anything else is ignored. A subclass needs a constructor
 * and `forward`, and nothing is registered:
 *
 * ```ts
 * class Block extends Module {
 *   conv = new Conv2d(64, 64, 3, { padding: 1, bias: false });
 *   bn = new BatchNorm2d(64);
 *   forward(x: Tensor): Tensor {
 *     return ops.relu(this.bn.forward(this.conv.forward(x)).add(x));
 *   }
 * }
 * ```
 *
 * The type parameters say what `forward` returns and takes; `Module` alone means tensors in and one tensor out,
 * `Module<[Tensor, Tensor]>` two tensors out. New modules are in training mode, as in PyTorch; until gradients come,
 * the mode changes dropout and batch-norm only.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
 */
export abstract class Module<Output = Tensor, Inputs extends readonly unknown[] = Tensor[]> {
  /** Whether dropout drops and batch-norm normalizes by the batch. Set by {@link train} and {@link eval}. */
  training = true;

  /** Computes the output. Called directly: `module.forward(x)`. */
  abstract forward(...inputs: Inputs): Output;

  static {
    Object.defineProperty(Module.prototype, MODULE, { value: true });
  }

  /**
   * The fields that may be state, by the names they have in a state dict. Containers whose children have other names
   * than their fields override it.
   */
  stateFields(): Iterable<readonly [string, unknown]> {
    return Object.entries(this);
  }

  /** What stands between the brackets where the module is printed: `3, 64, kernelSize=[7, 7]`. */
  extraRepr(): string {
    return '';
  }

  /** Sets training mode for this module and all in it. Changes dropout and batch-norm only, until gradients come. */
  train(mode = true): this {
    for (const [, module] of walkModules(this)) module.training = mode;
    return this;
  }

  /** Sets inference mode: `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Moves parameters and buffers to a device, in place, and returns the module. Tensors that several fields share
   * stay shared; those that are there already stay what they are.
   * @throws {DeviceError} when the device cannot be used
   */
  to(device: DeviceOption): this {
    const target = resolveDevice('to', device);
    const moved = new Map<Tensor, Tensor>();
    for (const field of walkTensors(this)) {
      if (field.tensor.device === target) continue;
      let tensor = moved.get(field.tensor);
      if (tensor === undefined) {
        tensor = field.tensor.to(target);
        const marked = bufferOptions(field.tensor);
        if (marked !== undefined) buffer(tensor, marked);
        moved.set(field.tensor, tensor);
      }
      field.replace(tensor);
    }
    return this;
  }

  /** Calls `fn` for every module in this one, children before parents, and for itself last. */
  apply(fn: (module: AnyModule) => void): this {
    for (const child of childFields(this)) child.module.apply(fn);
    fn(this);
    return this;
  }

  /** The modules in the fields of this one. */
  children(): AnyModule[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** The modules in the fields of this one, with their names; elements of arrays are called `blocks.0`. */
  namedChildren(): NamedModule[] {
    return unique(childFields(this), (child) => child.module).map(({ name, module }) => [name, module]);
  }

  /** This module and all in it, parents before children, each once. */
  modules(): AnyModule[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** This module (named '') and all in it with their full names, parents before children, each once. */
  namedModules(): NamedModule[] {
    return unique(walkModules(this), ([, module]) => module);
  }

  /** All parameters, each once also where it is shared. */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, tensor]) => tensor);
  }

  /** All parameters with their full names, each once: a shared one under its first name. */
  namedParameters(): [name: string, tensor: Tensor][] {
    return this.#named('parameter');
  }

  /** All buffers, each once. */
  buffers(): Tensor[] {
    return this.namedBuffers().map(([, tensor]) => tensor);
  }

  /** All buffers with their full names, each once. */
  namedBuffers(): [name: string, tensor: Tensor][] {
    return this.#named('buffer');
  }

  #named(kind: NamedTensorField['kind']): [string, Tensor][] {
    const fields = walkTensors(this).filter((field) => field.kind === kind);
    return unique(fields, (field) => field.tensor).map(({ name, tensor }) => [name, tensor]);
  }

  /**
   * Parameters and persistent buffers by their full names. The tensors are the module's own, not copies. A shared
   * tensor comes under each of its names.
   */
  stateDict(): Map<string, Tensor> {
    const persistent = walkTensors(this).filter((field) => field.persistent);
    return new Map(persistent.map(({ name, tensor }) => [name, tensor]));
  }

  /**
   * Copies values into the parameters and buffers. Other element types are converted (f16, bf16 and f64 to the f32 of
   * a parameter). Nothing changes when it throws. `num_batches_tracked` may always be absent.
   * @param dict a Map or record of Tensors or of `{ dtype, shape, data }`, as `readStateDict` gives
   * @throws {WeightsError} naming all missing, unexpected and misshapen names at once
   */
  loadStateDict(dict: StateDictLike, options: LoadOptions = {}): LoadReport {
    return loadDict(this, dict, options.strict ?? true);
  }

  /**
   * Loads a file of weights, safetensors or PyTorch's (`.pth`, `.pt`, `.th`, `.bin`), told by its content. Tensors are
   * read one by one; nothing changes when it rejects.
   * @param file a path, a `file:` URL, or the bytes of a file
   * @throws {WeightsError} when the file is damaged, or as {@link loadStateDict} does
   */
  load(file: WeightsInput, options: LoadFileOptions = {}): Promise<LoadReport> {
    return loadFile(this, file, options);
  }

  /** Writes the state dict to a safetensors file. A file that exists is replaced once all is written. */
  save(path: string | URL): Promise<void> {
    return saveFile(this, path);
  }

  /** Frees the memory of all parameters and buffers now. The module cannot be used after it. */
  dispose(): void {
    if (isReleased(this)) return;
    for (const field of walkTensors(this)) field.tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The tree of modules, printed as PyTorch prints it. */
  toString(): string {
    return printTree(this);
  }
}

/** The elements whose key was not met before. */
function unique<T>(elements: readonly T[], key: (element: T) => unknown): T[] {
  const met = new Set<unknown>();
  return elements.filter((element) => {
    const known = met.has(key(element));
    met.add(key(element));
    return !known;
  });
}
