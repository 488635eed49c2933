import { FusorError } from '@fusor/errors';
import { walkModules } from '../module/fields.ts';
import type { AnyModule } from '../module/module.ts';
import { forwardOf } from '../module/released.ts';

/** One call of a module's `forward` under way. */
export interface Call {
  readonly module: AnyModule;
  /** Full name; '' for the root. */
  readonly path: string;
}

/** What wants to know of the calls within a call. */
export interface CallWatcher {
  enter?(call: Call): void;
  leave?(call: Call, result: unknown): void;
}

/**
 * Calls a module's `forward` so that the calls of the modules within are seen: their `forward`s are wrapped for the
 * length of the (synchronous) call. Eager code pays nothing for this, and modules need not be told their names.
 *
 * An error from within gets the name of the innermost module added to its message.
 */
export function callWatched(
  root: AnyModule,
  inputs: readonly unknown[],
  stack: Call[],
  watcher: CallWatcher,
): unknown {
  const undo: (() => void)[] = [];
  const named = new Set<unknown>();
  try {
    for (const [path, module] of walkModules(root)) {
      // A module used in two places goes by the name of the first.
      if (named.has(module) || !Object.isExtensible(module)) continue;
      named.add(module);
      undo.push(wrap({ module, path }, stack, watcher));
    }
    return (root.forward as (...inputs: unknown[]) => unknown)(...inputs);
  } finally {
    for (const restore of undo) restore();
    stack.length = 0;
  }
}

function wrap(call: Call, stack: Call[], watcher: CallWatcher): () => void {
  const { module } = call;
  const own = Object.getOwnPropertyDescriptor(module, 'forward');
  const forward = forwardOf(module);
  const wrapped = (...inputs: unknown[]): unknown => {
    stack.push(call);
    watcher.enter?.(call);
    try {
      const result = forward.apply(module, inputs);
      watcher.leave?.(call, result);
      return result;
    } catch (error) {
      namePlace(error, call);
      throw error;
    } finally {
      stack.pop();
    }
  };
  Object.defineProperty(module, 'forward', { configurable: true, writable: true, value: wrapped });
  return () => {
    if (own === undefined) Reflect.deleteProperty(module, 'forward');
    else Object.defineProperty(module, 'forward', own);
  };
}

const PLACED = new WeakSet<object>();

function namePlace(error: unknown, { module, path }: Call): void {
  if (!(error instanceof FusorError) || PLACED.has(error)) return;
  PLACED.add(error);
  const place = path === '' ? module.constructor.name : `${path}, a ${module.constructor.name}`;
  error.message += ` (in ${place})`;
}
