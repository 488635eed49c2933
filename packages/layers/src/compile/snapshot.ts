import { TraceError } from '@fusor/errors';
import { keep, scope, Tensor } from '@fusor/native';
import { retain } from '@fusor/native/trace';
import { tensorFields, walkModules, walkTensors } from '../module/fields.ts';
import type { AnyModule } from '../module/module.ts';

/**
 * A module's weights as they were at compile time, so that it can be traced again for another batch whatever has become
 * of it since: changed by `assign` or `load`, disposed, or released into this very plan.
 */
export class Snapshot {
  readonly #model: AnyModule;
  readonly #modules: readonly {
    readonly module: AnyModule;
    readonly fields: readonly (readonly [string, Tensor])[];
  }[];
  /** The tensors with their names; they live as long as the snapshot. */
  readonly tensors: ReadonlyMap<Tensor, string>;

  /** @param mode `'copy'` leaves the module its tensors; `'move'` takes the memory over and disposes them */
  constructor(model: AnyModule, mode: 'copy' | 'move') {
    this.#model = model;
    const taken = new Map<Tensor, Tensor>();
    const names = new Map<Tensor, string>();
    for (const { name, tensor } of walkTensors(model)) {
      if (taken.has(tensor)) continue;
      const own = keep(mode === 'copy' ? copyOf(tensor) : retain(tensor));
      taken.set(tensor, own);
      names.set(own, name);
    }
    this.tensors = names;
    this.#modules = distinctModules(model).map((module) => ({
      module,
      fields: tensorFields(module).map(({ name, tensor }) => [name, taken.get(tensor)!] as const),
    }));
    if (mode === 'move') for (const tensor of taken.keys()) tensor.dispose();
  }

  /**
   * Runs `fn` with the module as it was at compile time, in inference mode.
   * @throws {TraceError} when modules were put into it or taken out
   */
  with<T>(fn: () => T): T {
    this.#checkModules();
    const restore: (() => void)[] = [];
    try {
      for (const { module, fields } of this.#modules) {
        const { training } = module;
        restore.push(() => {
          module.training = training;
        });
        module.training = false;
        const record = module as unknown as Record<string, unknown>;
        for (const [name, tensor] of fields) {
          const current = record[name];
          restore.push(() => {
            record[name] = current;
          });
          record[name] = tensor;
        }
      }
      return fn();
    } finally {
      for (const undo of restore) undo();
    }
  }

  #checkModules(): void {
    const known = new Set(this.#modules.map(({ module }) => module));
    const now = distinctModules(this.#model);
    if (now.length === known.size && now.every((module) => known.has(module))) return;
    throw new TraceError(
      `run: modules of ${this.#model.constructor.name} were replaced since it was compiled, so it cannot be planned for ` +
        'another batch; compile it again',
    );
  }

  dispose(): void {
    for (const tensor of this.tensors.keys()) tensor.dispose();
  }
}

function distinctModules(model: AnyModule): AnyModule[] {
  return [...new Set(walkModules(model).map(([, module]) => module))];
}

function copyOf(tensor: Tensor): Tensor {
  const { shape, dtype, device } = tensor;
  if (dtype !== 'f16' && dtype !== 'bf16') return Tensor.zeros(shape, { dtype, device }).assign(tensor);
  // 16-bit floats are stored but not made.
  return scope(() => Tensor.zeros(shape, { device }).to(dtype)).assign(tensor);
}
