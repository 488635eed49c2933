import { ArgumentError } from '@fusor/errors';
import type { Device } from '@fusor/native';
import { show } from '../arguments.ts';
import type { Graph } from '../graph/graph.ts';
import { isModule } from '../module/kind.ts';
import type { AnyModule } from '../module/module.ts';
import { recordGraph } from './record.ts';
import { type InputOption, readSignature } from './signature.ts';

/** How a network is traced. */
export interface TraceOptions {
  /** What `'n'` in an input's shape stands for; default 1. */
  readonly batch?: number;
  /** The device that tensors seem to be on; default `'cpu'`. */
  readonly device?: Device;
}

/**
 * Calls `forward` once, with tensors that have a shape but no elements, and records what it does as a graph. Nothing
 * is computed. Everything in `ops` and every method of Tensor can be traced; tensors that forward did not compute from
 * its input become constants; those of the module's are shared with it, and go with its `dispose()`.
 *
 * ```ts
 * console.log(trace(model, [1, 3, 224, 224]).toString());
 * ```
 * @throws {TraceError} where forward asks for elements (`data()`), draws random numbers, or changes a parameter
 */
export function trace(model: AnyModule, input: InputOption, options: TraceOptions = {}): Graph {
  if (!isModule(model)) throw new ArgumentError(`trace: model must be a Module, got ${show(model)}`);
  const { batch = 1, device = 'cpu' } = options;
  return recordGraph(model, readSignature('trace', input), { batch, device });
}
