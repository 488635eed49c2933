// Calls the functions of fusor.node itself, which only @fusor/native should, with arguments that it never makes, and prints
// what came of it: they check what they are given all the same. Arguments: a seed, how many calls, and a file that always
// names the call being made.

import { openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Random } from '../oracle/random.ts';

/** What the calls came to, and what should not have happened. */
export interface BindingResult {
  readonly calls: number;
  readonly accepted: number;
  readonly refused: number;
  readonly jobs: number;
  readonly plans: number;
  readonly wrong: readonly string[];
}

interface Schema {
  readonly id: number;
  readonly minInputs: number;
  readonly maxInputs: number;
  readonly outputs: number;
  readonly attributes: readonly {
    readonly type: number;
    readonly count: number;
    readonly list: boolean;
    readonly names: readonly string[];
  }[];
}
type Native = Readonly<Record<string, (...args: unknown[]) => unknown>>;

class NativeError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const INTERNAL = 10;
const native = createRequire(import.meta.url)(
  process.env.FUSOR_NATIVE_PATH ??
    join(dirname(fileURLToPath(import.meta.resolve('@fusor/native'))), '..', 'lib', 'fusor.node'),
) as Native;
const seed = Number(process.argv[2]);
const count = Number(process.argv[3]);
const trace = openSync(process.argv[4]!, 'w');
const wrong: string[] = [];
const tally = { calls: 0, accepted: 0, refused: 0, jobs: 0, plans: 0 };
let handles: unknown[] = [];
let plans: unknown[] = [];
let lastJob = 0;
let open = 0;

const block = native.initialize!(
  (status: number, message: string) => new NativeError(status, message),
  (completions: readonly [number, number, string, unknown][]) => {
    for (const [, status, message, plan] of completions) {
      ++tally.jobs;
      --open;
      if (plan !== null) {
        ++tally.plans;
        plans.push(plan);
      }
      if (status === INTERNAL) wrong.push(`a job ended with an internal error: ${message}`);
    }
  },
) as Float64Array;
const schemas = native.schemas!() as Schema[];

/** A number that occurs, or one that a caller got wrong; none between, for which gigabytes would be filled. */
function number(random: Random): number {
  if (random.chance(0.93)) return random.integer(0, 5);
  return random.pick([
    -1,
    -2,
    7,
    9,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 31,
    -(2 ** 31),
    2 ** 47,
    2 ** 53,
    2 ** 63,
    1e300,
  ]);
}

function attributes(random: Random, schema: Schema): number[] {
  return schema.attributes.flatMap(({ type, count, list, names }) => {
    switch (type) {
      case 2:
        return [number(random), number(random)];
      case 6:
      case 7: {
        const length = list ? random.integer(0, Math.min(count, 4)) : count;
        return [
          random.chance(0.03) ? number(random) : length,
          ...Array.from({ length }, () => number(random)),
        ];
      }
      case 8:
        return [random.chance(0.95) ? random.integer(0, Math.max(0, names.length - 1)) : number(random)];
      case 9:
        return [random.chance(0.95) ? random.integer(0, 5) : number(random), number(random), number(random)];
      default:
        return [number(random)];
    }
  });
}

function shape(random: Random): number[] {
  return Array.from({ length: random.chance(0.97) ? random.integer(0, 4) : 9 }, () => number(random));
}

function handle(random: Random): unknown {
  if (handles.length > 0 && random.chance(0.93)) return random.pick(handles);
  return anything(random);
}

function anything(random: Random): unknown {
  return random.pick<() => unknown>([
    () => undefined,
    () => null,
    () => number(random),
    () => 'text',
    () => '',
    () => [],
    () => [null],
    () => [[]],
    () => ({}),
    () => new Float64Array(random.integer(0, 30)).map(() => number(random)),
    () => new Float32Array(3),
    () => new BigInt64Array(2),
    () => new DataView(new ArrayBuffer(8)),
    () => new Float64Array(new SharedArrayBuffer(64)),
    () => structuredClone(new Float64Array(8), { transfer: [] }),
    () => true,
    () => 10n,
    () => Symbol('x'),
    () => () => 1,
    () => new Proxy([], {}),
    () => (handles.length > 0 ? random.pick(handles) : undefined),
    () => (plans.length > 0 ? random.pick(plans) : undefined),
  ])();
}

function graph(random: Random): unknown[] {
  const values = random.integer(1, 7);
  const list: number[] = [random.integer(0, 2), 0, random.integer(0, 1), random.integer(0, 1), 0];
  const chains = random.integer(0, 2);
  list.push(chains);
  const sizes = Array.from({ length: random.integer(0, 4) }, () => random.integer(1, 5));
  list.push(values);
  const constants: unknown[] = [];
  for (let value = 0; value < values; ++value) {
    const own = random.chance(0.8) ? sizes : shape(random);
    list.push(random.chance(0.9) ? 0 : number(random), own.length, ...own);
    constants.push(random.chance(0.1) ? handle(random) : null);
  }
  const nodes = random.integer(0, values - 1);
  list.push(nodes);
  for (let node = 0; node < nodes; ++node) {
    const schema = random.chance(0.7) ? schemas[random.pick([9, 10, 11])]! : random.pick(schemas);
    const inputs = Array.from(
      { length: random.integer(schema.minInputs, Math.min(schema.maxInputs, 4)) },
      () => (random.chance(0.9) ? random.integer(0, node) : number(random)),
    );
    const outputs = Array.from({ length: schema.outputs }, (_, at) =>
      random.chance(0.95) ? node + 1 + at : number(random),
    );
    list.push(
      random.chance(0.97) ? schema.id : number(random),
      inputs.length,
      ...inputs,
      outputs.length,
      ...outputs,
    );
    list.push(...attributes(random, schema));
  }
  list.push(1, random.chance(0.95) ? 0 : number(random), 1, random.chance(0.9) ? nodes : number(random));
  if (random.chance(0.2)) list[random.integer(6, list.length - 1)] = number(random);
  if (random.chance(0.1)) list.length = random.integer(0, list.length);
  const names = Array.from({ length: random.chance(0.95) ? nodes : (number(random) % 9) | 0 }, () => 'node');
  return [0, Float64Array.from(list), constants, names, ++lastJob, ''];
}

const makers: Readonly<Record<string, (random: Random) => unknown[]>> = {
  create: (random) => {
    const sizes = shape(random);
    const elements = sizes.reduce((product, size) => product * size, 1);
    const fits = Number.isInteger(elements) && elements >= 0 && elements < 4096 && random.chance(0.9);
    return [0, 0, sizes, new Float32Array(fits ? elements : random.integer(0, 9)).fill(1.5)];
  },
  retain: (random) => [handle(random)],
  release: (random) => [random.chance(0.5) ? handle(random) : anything(random)],
  strides: (random) => [handle(random)],
  read: (random) => [
    handle(random),
    new Float32Array(random.pick([0, 1, 2, 4, 6, 8, 16, 120])),
    random.chance(),
    ++lastJob,
  ],
  toDevice: (random) => [handle(random), random.chance(0.8) ? 0 : number(random)],
  run: (random) => {
    const schema = random.pick(schemas);
    block.set(attributes(random, schema).slice(0, 200));
    const inputs = Array.from(
      { length: random.integer(schema.minInputs, Math.min(schema.maxInputs, 5)) },
      () => (random.chance(0.9) ? handle(random) : null),
    );
    return [
      random.chance(0.97) ? schema.id : number(random),
      inputs,
      random.chance(0.97) ? 0 : number(random),
      random.chance() ? 'label' : undefined,
    ];
  },
  infer: (random) => {
    const schema = random.pick(schemas);
    const inputs = random.integer(schema.minInputs, Math.min(schema.maxInputs, 5));
    const specs = Array.from({ length: inputs }, () => {
      if (random.chance(0.1)) return [-1];
      const sizes = shape(random);
      return [
        random.chance(0.9) ? 0 : number(random),
        0,
        random.chance(0.97) ? sizes.length : number(random),
        ...sizes,
      ];
    });
    return [schema.id, Float64Array.from([...attributes(random, schema), inputs, ...specs.flat()])];
  },
  buildPlan: graph,
  runPlan: (random) => [
    plans.length > 0 ? random.pick(plans) : anything(random),
    [handle(random)],
    random.chance(0.9) ? 1 : number(random),
    ++lastJob,
  ],
  profilePlan: (random) => [
    plans.length > 0 ? random.pick(plans) : anything(random),
    [handle(random)],
    1,
    new Float64Array(random.integer(0, 5)),
    ++lastJob,
  ],
  planSummary: (random) => [plans.length > 0 ? random.pick(plans) : anything(random)],
  planStep: (random) => [plans.length > 0 ? random.pick(plans) : anything(random), number(random)],
  releasePlan: (random) => [plans.length > 0 && random.chance() ? random.pick(plans) : anything(random)],
  synchronize: (random) => [random.chance(0.8) ? 0 : number(random), ++lastJob],
  memory: (random) => [number(random)],
  setThreads: (random) => [random.pick([0, 1, 2, 3, -1, Number.NaN])],
  devices: () => [],
};
const names = Object.keys(makers);
const jobs = new Set(['read', 'buildPlan', 'runPlan', 'profilePlan', 'synchronize']);

for (let index = 0; index < count; ++index) {
  const random = new Random(seed * 1_000_003 + index);
  const name = random.pick(names);
  const args = makers[name]!(random).map((argument) => (random.chance(0.06) ? anything(random) : argument));
  if (random.chance(0.02)) args.pop();
  const shown = `${index}: ${name}(${args.map((argument) => inspect(argument, { breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 60 })).join(', ')})`;
  writeSync(trace, ' '.repeat(4000), 0);
  writeSync(trace, `${shown.slice(0, 3900)}\n`, 0);
  ++tally.calls;
  try {
    const result = native[name]!(...args);
    ++tally.accepted;
    if (jobs.has(name)) ++open;
    if (['create', 'retain', 'toDevice', 'run', 'runPlan'].includes(name))
      handles.push(...(Array.isArray(result) ? result : [result]));
  } catch (error) {
    ++tally.refused;
    // V8's own errors for symbols and the like are as good as ours.
    if (error instanceof NativeError ? error.status === INTERNAL : !(error instanceof TypeError)) {
      wrong.push(`seed ${seed}, call ${shown}: ${(error as Error).stack}`);
    }
  }
  if (handles.length > 200) handles = handles.slice(150);
  if (plans.length > 20) plans = plans.slice(10);
  // What was queued ends, too, and the collector runs in between.
  if (index % 64 === 63) await new Promise((resolve) => setImmediate(resolve));
}
// A job may be to fill 8 GB (seed 20), which takes a loaded machine half a minute.
for (let waits = 0; open > 0 && waits < 15_000; ++waits)
  await new Promise((resolve) => setTimeout(resolve, 10));
if (open > 0) wrong.push(`${open} jobs never ended`);
console.log(JSON.stringify({ ...tally, wrong: wrong.slice(0, 20) }));
