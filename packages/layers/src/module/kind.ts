import type { AnyModule } from './module.ts';

// A registered symbol rather than instanceof: a module is recognised also where two copies of this package meet.
/** Marks the class Module. */
export const MODULE: symbol = Symbol.for('@fusor/layers/Module');

/** Whether a value is a Module. */
export function isModule(value: unknown): value is AnyModule {
  return typeof value === 'object' && value !== null && MODULE in value;
}
