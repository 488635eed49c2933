import { ArgumentError } from '@fusor/errors';
import type { Tensor } from '@fusor/native';
import { show } from '../arguments.ts';
import { tensorsIn } from '../graph/structure.ts';
import { tensorFields, walkTensors } from '../module/fields.ts';
import { isModule } from '../module/kind.ts';
import type { AnyModule } from '../module/module.ts';
import { formatCount, formatShort, formatTable } from '../table.ts';
import type { Call } from '../trace/calls.ts';
import { recordGraph } from '../trace/record.ts';
import { type InputOption, readSignature } from '../trace/signature.ts';
import { elements, flopsOf } from './flops.ts';

/** One call of a module. */
export interface SummaryRow {
  /** Full name, '' for the model itself. */
  readonly path: string;
  /** The module's class. */
  readonly type: string;
  /** How deep it lies: 0 for the model. */
  readonly depth: number;
  /** Shapes of the tensors it returned. */
  readonly outputShapes: readonly (readonly number[])[];
  /** Elements of its own parameters; 0 where the same module was called before. */
  readonly parameters: number;
  /** Its own floating point operations: two for each multiply-add. */
  readonly flops: number;
}

/** What a network consists of. */
export interface Summary {
  /** One row for every call of a module, in the order of the calls. */
  readonly rows: readonly SummaryRow[];
  /** Elements of all parameters, shared ones counted once. */
  readonly parameters: number;
  /** Elements of all buffers. */
  readonly buffers: number;
  /** Floating point operations of one run: two for each multiply-add of convolutions and matrix products. */
  readonly flops: number;
  /** A table. */
  toString(): string;
}

/**
 * Output shapes, parameters and floating point operations of each layer, for inputs of a shape. Nothing is computed.
 *
 * ```ts
 * console.log(summary(resnet18(), [1, 3, 224, 224]).toString());
 * ```
 * @param input as in `compile`; an `'n'` counts as a batch of 1
 */
export function summary(model: AnyModule, input: InputOption): Summary {
  if (!isModule(model)) throw new ArgumentError(`summary: model must be a Module, got ${show(model)}`);
  const rows = collectRows(model, input);
  const seen = new Set<Tensor>();
  let parameters = 0;
  let buffers = 0;
  for (const { tensor, kind } of walkTensors(model)) {
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    if (kind === 'parameter') parameters += tensor.size;
    else buffers += tensor.size;
  }
  const flops = rows.reduce((sum, row) => sum + row.flops, 0);
  return { rows, parameters, buffers, flops, toString: () => printSummary(rows, parameters, flops) };
}

type OpenRow = { -readonly [Key in keyof SummaryRow]: SummaryRow[Key] };

function collectRows(model: AnyModule, input: InputOption): OpenRow[] {
  const rows: OpenRow[] = [];
  const open: OpenRow[] = [];
  const counted = new Set<Tensor>();
  const watcher = {
    enter: ({ module, path }: Call): void => {
      const row: OpenRow = {
        path,
        type: module.constructor.name,
        depth: open.length,
        outputShapes: [],
        parameters: countOwn(module, counted),
        flops: 0,
      };
      rows.push(row);
      open.push(row);
    },
    leave: (_: Call, result: unknown): void => {
      open.pop()!.outputShapes = tensorsIn(result).map((tensor) => tensor.shape);
    },
  };
  withInference(model, () => {
    const signature = readSignature('summary', input);
    recordGraph(model, signature, {
      batch: 1,
      device: 'cpu',
      watcher,
      onNode: (node) => {
        open.at(-1)!.flops += flopsOf(node);
      },
    }).dispose();
  });
  return rows;
}

function countOwn(module: AnyModule, counted: Set<Tensor>): number {
  let count = 0;
  for (const { tensor, kind } of tensorFields(module)) {
    if (kind !== 'parameter' || counted.has(tensor)) continue;
    counted.add(tensor);
    count += elements(tensor.shape);
  }
  return count;
}

/** In training mode nothing could be traced; which mode it is makes no difference to what is counted. */
function withInference(model: AnyModule, fn: () => void): void {
  const modes = model.modules().map((module) => [module, module.training] as const);
  try {
    model.eval();
    fn();
  } finally {
    for (const [module, training] of modes) module.training = training;
  }
}

function printSummary(rows: readonly SummaryRow[], parameters: number, flops: number): string {
  const table = formatTable(
    ['layer', 'output', 'parameters', 'MFLOP'],
    rows.map((row) => {
      const name =
        row.path === '' ? row.type : `${row.path.slice(row.path.lastIndexOf('.') + 1)}: ${row.type}`;
      return [
        '  '.repeat(row.depth) + name,
        row.outputShapes.map((shape) => `[${shape.join(', ')}]`).join(' '),
        row.parameters === 0 ? '' : formatCount(row.parameters),
        row.flops === 0 ? '' : (row.flops / 1e6).toFixed(2),
      ];
    }),
  );
  return `${table}\n\n${formatCount(parameters)} parameters, ${formatShort(flops)}FLOP (two for each multiply-add)`;
}
