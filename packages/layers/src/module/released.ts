import { DisposedError } from '@fusor/errors';
import type { AnyModule } from './module.ts';

type Forward = (...inputs: unknown[]) => unknown;

// The forward that each released module had.
const RELEASED = new WeakMap<AnyModule, Forward>();

/** Whether `compile` moved a module's weights into a plan. */
export function isReleased(module: AnyModule): boolean {
  return RELEASED.has(module);
}

/** Makes every use of a module an error that says where its weights are. */
export function markReleased(module: AnyModule): void {
  if (isReleased(module)) return;
  RELEASED.set(module, module.forward as Forward);
  Object.defineProperty(module, 'forward', {
    configurable: true,
    writable: true,
    value: (): never => {
      throw releasedError(module);
    },
  });
}

/** What a module computes, also after it was released. */
export function forwardOf(module: AnyModule): Forward {
  return RELEASED.get(module) ?? (module.forward as Forward);
}

/** The error of using a module whose weights are in a plan. */
export function releasedError(module: AnyModule): DisposedError {
  return new DisposedError(
    `${module.constructor.name}: its weights were moved into a plan by compile(model, { weights: 'release' }); ` +
      "compile with weights: 'keep' to go on using the module",
  );
}
