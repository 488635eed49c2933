// Calls ops with random arguments, good and bad, and prints what came of it. Arguments: a seed, how many calls, and a
// file that always names the call being made, for when the process does not live to tell.

import { closeSync, openSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { compile, Module } from '@fusor/layers';
import { FusorError, memory, ops, scope, synchronize, Tensor } from '@fusor/native';
import { Random } from '../oracle/random.ts';
import { calls } from './calls.ts';
import { spoil } from './hostile.ts';

type Op = (...args: readonly unknown[]) => unknown;
type Name = keyof typeof calls;

/** What the calls came to, and what should not have happened. */
export interface FuzzResult {
  readonly calls: number;
  readonly results: number;
  readonly refused: number;
  readonly compared: number;
  readonly tensorsLeft: number;
  readonly wrong: readonly string[];
}

// Results beyond this are not read: what is wanted is a quick answer to many questions.
const mostElements = 1 << 22;
const seed = Number(process.argv[2]);
const count = Number(process.argv[3]);
const trace = openSync(process.argv[4]!, 'w');
const names = Object.keys(calls) as Name[];
const tally = { calls: 0, results: 0, refused: 0, compared: 0 };
const wrong: string[] = [];

for (let index = 0; index < count; ++index) {
  const random = new Random(seed * 1_000_003 + index);
  const name = random.pick(names);
  const made: Tensor[] = [];
  let shown = '';
  const complain = (what: string) => wrong.push(`seed ${seed}, call ${index}: ${shown}: ${what}`);
  try {
    const good = random.chance(0.4);
    const args = scope(() => {
      const fitting = calls[name](random);
      return fitting.length > 0 && !good ? spoil(random, fitting) : fitting;
    }) as unknown[];
    collect(args, made);
    shown = `${name}(${args.map(show).join(', ')})`;
    writeSync(trace, `${' '.repeat(4000)}`, 0);
    writeSync(trace, `${index}: ${shown}\n`, 0);
    ++tally.calls;
    const outcome = await attempt(() => (ops[name] as Op)(...args), made);
    if (outcome instanceof Error) {
      ++tally.refused;
      if (!(outcome instanceof FusorError)) complain(`not an error of ours: ${outcome.stack}`);
      else if (outcome.code === 'ERR_FUSOR_INTERNAL') complain(`internal error: ${outcome.message}`);
      // Indices may lie outside and a result may be too large; nothing else is wrong with these arguments.
      else if (good && !/index|out of|memory|divi/i.test(outcome.message))
        complain(`refused: ${outcome.message}`);
    } else {
      ++tally.results;
      if (good && random.chance(0.25) && (await compareCompiled(name, args, outcome, made, complain)))
        ++tally.compared;
    }
  } catch (error) {
    complain(`failed: ${(error as Error).stack}`);
  } finally {
    for (const tensor of made) tensor.dispose();
  }
}
await synchronize('cpu').catch(() => undefined);
closeSync(trace);
console.log(JSON.stringify({ ...tally, tensorsLeft: memory().tensors, wrong: wrong.slice(0, 20) }));

/** The elements of what a call gives, or the error that it, or waiting for its results, throws. */
async function attempt(call: () => unknown, made: Tensor[]): Promise<Float64Array[] | Error> {
  try {
    const outputs: Tensor[] = [];
    collect(call(), outputs);
    made.push(...outputs);
    const elements: Float64Array[] = [];
    for (const output of outputs) {
      const size = output.shape.reduce((product, length) => product * length, 1);
      if (size > mostElements) continue;
      const half = output.dtype === 'f16' || output.dtype === 'bf16';
      const data = await (half ? output.data('f32') : output.data());
      if (data.length !== size)
        throw new Error(`data() gave ${data.length} elements for shape [${output.shape}]`);
      elements.push(Float64Array.from(data as Float32Array, Number));
    }
    return elements;
  } catch (error) {
    return error as Error;
  }
}

/** Compiles a module that makes the same call on its inputs, and holds its results against the eager ones. */
async function compareCompiled(
  name: Name,
  args: readonly unknown[],
  eager: readonly Float64Array[],
  made: Tensor[],
  complain: (what: string) => void,
): Promise<boolean> {
  const inputs = args.filter((argument): argument is Tensor => argument instanceof Tensor);
  if (inputs.length === 0 || inputs.some(({ dtype }) => dtype === 'f16' || dtype === 'bf16')) return false;
  class Call extends Module {
    override forward(...tensors: Tensor[]): Tensor {
      const rest = [...tensors];
      const outputs: Tensor[] = [];
      collect(
        (ops[name] as Op)(...args.map((argument) => (argument instanceof Tensor ? rest.shift() : argument))),
        outputs,
      );
      return outputs as unknown as Tensor;
    }
  }
  const plan = await compile(new Call() as Module, {
    input: inputs.map(({ shape, dtype }) => ({ shape: [...shape], dtype })),
    device: 'cpu',
  });
  try {
    const outputs: Tensor[] = [];
    collect(await plan.run(inputs.length === 1 ? inputs[0]! : inputs), outputs);
    made.push(...outputs);
    const results = await attempt(() => outputs, []);
    if (results instanceof Error) complain(`compiled: ${results.stack}`);
    else if (!eager.every((expected, at) => alike(expected, results[at]!))) {
      complain(`compiled gives ${inspect(results)} and not ${inspect(eager)}`);
    }
  } finally {
    plan.dispose();
  }
  return true;
}

/** Whether two results are the same but for rounding; of what is not finite, the same. */
function alike(expected: Float64Array, actual: Float64Array): boolean {
  const finite = expected.map((value) => (Number.isFinite(value) ? Math.abs(value) : 0));
  const scale = Math.max(
    1,
    finite.reduce((a, b) => Math.max(a, b), 0),
  );
  return (
    expected.length === actual.length &&
    expected.every(
      (value, index) =>
        Object.is(value, actual[index]) ||
        value === actual[index] ||
        Math.abs(value - actual[index]!) <= 1e-4 * scale,
    )
  );
}

/** The tensors in a value, wherever in it they are. */
function collect(value: unknown, found: Tensor[]): void {
  if (value instanceof Tensor) found.push(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, found);
  else if (typeof value === 'object' && value !== null) collect(Object.values(value), found);
}

function show(value: unknown): string {
  if (value instanceof Tensor) {
    try {
      return `<${value.dtype} [${value.shape}]>`;
    } catch {
      return '<disposed>';
    }
  }
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, item]) => `${key}: ${show(item)}`)
      .join(', ')} }`;
  }
  return inspect(value);
}
