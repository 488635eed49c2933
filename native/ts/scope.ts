import { AsyncLocalStorage } from 'node:async_hooks';
import { ArgumentError } from '@fusor/errors';
import { isTensor, type Tensor } from './tensor.ts';

/** The tensors made while a scope is the innermost one. */
export class Scope {
  readonly tensors: Set<Tensor> = new Set();
  readonly parent: Scope | undefined;

  constructor(parent: Scope | undefined) {
    this.parent = parent;
  }

  /** Disposes everything but `kept`, which the surrounding scope takes over. */
  close(kept: ReadonlySet<Tensor>): void {
    for (const tensor of this.tensors) {
      if (!kept.has(tensor)) tensor.dispose();
      else this.parent?.tensors.add(tensor);
    }
    this.tensors.clear();
  }
}

// A scope lasts through the awaits of an asynchronous function, and only for it: that is what AsyncLocalStorage tells.
// It is made with the first scope, since it slows promises a little.
let storage: AsyncLocalStorage<Scope | undefined> | undefined;
// The scope of a composite operation, always synchronous.
let temporaries: Scope | undefined;

/** The scope that a new tensor belongs to. */
export function currentScope(): Scope | undefined {
  return temporaries ?? storage?.getStore();
}

/**
 * Runs `fn` and then disposes every tensor made inside, except those it returns: a tensor, or tensors anywhere in the
 * arrays, maps, sets and objects (modules too) that it returns. `fn` may be asynchronous: the scope then lasts until its
 * promise settles, and covers what runs in it, not what runs at the same time elsewhere.
 *
 * ```ts
 * const probabilities = scope(() => model.forward(x).softmax(-1));   // only the result stays
 * ```
 * @throws ArgumentError if `fn` is not a function; whatever `fn` throws (then everything made inside is disposed).
 */
export function scope<T>(fn: () => T): T {
  if (typeof fn !== 'function') throw new ArgumentError('scope: expects a function');
  storage ??= new AsyncLocalStorage();
  const inner = new Scope(currentScope());
  let result: T;
  try {
    result = storage.run(inner, fn);
  } catch (error) {
    inner.close(new Set());
    throw error;
  }
  if (isPromiseLike(result)) {
    return result.then(
      (value) => {
        inner.close(tensorsIn(value));
        return value;
      },
      (error: unknown) => {
        inner.close(new Set());
        throw error;
      },
    ) as T;
  }
  inner.close(tensorsIn(result));
  return result;
}

/** Takes a tensor out of the scope it was made in: it lives until it is disposed or collected. Returns it. */
export function keep(tensor: Tensor): Tensor {
  for (let inner = currentScope(); inner !== undefined; inner = inner.parent) inner.tensors.delete(tensor);
  return tensor;
}

/** For operations made of several: disposes the intermediate tensors at once. */
export function withTemporaries<T extends Tensor | readonly Tensor[]>(fn: () => T): T {
  const outer = temporaries;
  const inner = new Scope(currentScope());
  temporaries = inner;
  let result: T;
  try {
    result = fn();
  } catch (error) {
    inner.close(new Set());
    throw error;
  } finally {
    temporaries = outer;
  }
  inner.close(new Set(isTensor(result) ? [result] : result));
  return result;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** Every tensor that can be reached through data properties of a value. */
function tensorsIn(value: unknown): Set<Tensor> {
  const found = new Set<Tensor>();
  const seen = new Set<object>();
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null || seen.has(next)) continue;
    seen.add(next);
    if (isTensor(next)) found.add(next);
    else if (Array.isArray(next) || next instanceof Set) for (const item of next) pending.push(item);
    else if (next instanceof Map) for (const [key, item] of next) pending.push(key, item);
    else if (!ArrayBuffer.isView(next) && !(next instanceof ArrayBuffer)) {
      for (const descriptor of Object.values(Object.getOwnPropertyDescriptors(next))) {
        if ('value' in descriptor) pending.push(descriptor.value);
      }
    }
  }
  return found;
}
