import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, type Graph, Module, trace } from '@fusor/layers';
import { Tensor } from '@fusor/native';
import { writeOnnx } from '../onnx/index.ts';
import type { RivalProcess } from '../rival/child.ts';
import type { OnnxRival } from '../rival/onnxruntime.ts';
import { median } from '../timing/statistics.ts';
import { type KernelCase, layoutOps } from './case.ts';

/** One engine with one kernel loaded. */
export interface KernelContestant {
  readonly id: string;
  /** Runs the kernel for about so long, at least once. */
  turn(milliseconds: number): Promise<void>;
  /** The median milliseconds of a run, for each turn so far. */
  finish(): Promise<number[]>;
  /** What it computes. */
  readonly output: Float32Array;
  close(): Promise<void>;
}

/** Random operands of a case, the same for all engines. */
export interface Operands {
  readonly inputs: readonly Float32Array<ArrayBuffer>[];
  readonly shapes: readonly (readonly number[])[];
  readonly constants: readonly Float32Array<ArrayBuffer>[];
}

/** The case as a network of one layer. */
class OneKernel extends Module<Tensor | readonly Tensor[], Tensor[]> {
  readonly compute: (inputs: readonly Tensor[]) => Tensor | readonly Tensor[];

  constructor(compute: (inputs: readonly Tensor[]) => Tensor | readonly Tensor[]) {
    super();
    this.compute = compute;
  }

  forward(...inputs: Tensor[]): Tensor | readonly Tensor[] {
    return this.compute(inputs);
  }
}

/** Fusor: a compiled plan, of which only the kernel's own steps count, as in a network. */
export interface FusorKernel extends KernelContestant {
  readonly algorithm: string;
  /** Of the plan's own steps: least traffic. */
  readonly bytes: number;
}

export async function fusorKernel(
  kernel: KernelCase,
  operands: Operands,
  options: { readonly device: 'cpu'; readonly threads: number },
): Promise<FusorKernel> {
  const constants = operands.constants.map((data, index) =>
    Tensor.from(data, kernel.constants[index]!.shape),
  );
  const inputs = operands.inputs.map((data, index) => Tensor.from(data, operands.shapes[index]!));
  const module = new OneKernel((tensors) => kernel.forward(tensors, constants));
  const plan = await compile(module, { input: operands.shapes.map((shape) => [...shape]), ...options });
  const result = await plan.run(inputs);
  const first = result instanceof Tensor ? result : result[0]!;
  const data = await first.data();
  const turns: number[] = [];
  const profile = async (repeats: number) => {
    const { steps } = await plan.profile(inputs, { repeats });
    const own = steps.filter(({ op }) => !layoutOps.has(op));
    // A permutation alone is nothing but a step of layout.
    return own.length === 0 ? steps : own;
  };
  const steps = await profile(1);
  let repeats = 1;
  return {
    id: 'fusor',
    algorithm: steps.map(({ algorithm }) => algorithm).join(' + '),
    bytes: steps.reduce((sum, step) => sum + step.bytes, 0),
    output: Float32Array.from(data as Iterable<number>, Number),
    turn: async (milliseconds) => {
      const begin = performance.now();
      const measured = await profile(repeats);
      turns.push(1000 * measured.reduce((sum, { seconds }) => sum + seconds, 0));
      // The next turn is as long as it should be; the first is a single run or two.
      const each = (performance.now() - begin) / (repeats + 1);
      repeats = Math.min(5000, Math.max(1, Math.round(milliseconds / each)));
    },
    finish: async () => turns,
    close: async () => {
      plan.dispose();
      for (const tensor of [...inputs, ...constants]) tensor.dispose();
      if (result instanceof Tensor) result.dispose();
      else for (const tensor of result) tensor.dispose();
    },
  };
}

/** The graph that a rival is given. */
async function rivalNetwork(kernel: KernelCase, operands: Operands): Promise<Uint8Array> {
  const constants = operands.constants.map((data, index) =>
    Tensor.from(data, kernel.constants[index]!.shape),
  );
  const forward = kernel.rivalForward ?? kernel.forward;
  const module = new OneKernel((tensors) => forward(tensors, constants));
  try {
    const graph: Graph = trace(
      module,
      operands.shapes.map((shape) => [...shape]),
    );
    return await writeOnnx(graph);
  } finally {
    for (const tensor of constants) tensor.dispose();
  }
}

/** An event of onnxruntime's profile. */
interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly dur?: number;
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

/**
 * Milliseconds of each run from onnxruntime's own profile: its nodes, without those that only change layouts, which a
 * network has at its ends only.
 */
export function runsOfProfile(events: readonly ProfileEvent[], blocking: boolean): number[] {
  const runs: number[] = [];
  let microseconds = 0;
  for (const { cat, name, dur = 0, args } of events) {
    if (name === 'model_run') {
      runs.push(microseconds / 1000);
      microseconds = 0;
    } else if (cat === 'Node' && name?.endsWith('_kernel_time') === true) {
      const operator = args?.op_name ?? '';
      if (operator === 'ReorderInput' || operator === 'ReorderOutput') continue;
      if (blocking && isBlocking(args)) continue;
      microseconds += dur;
    }
  }
  return runs;
}

/** The 1×1 convolution per channel that stands before a residual. */
function isBlocking(args: ProfileEvent['args']): boolean {
  const weight = args?.input_type_shape?.[1]?.float;
  return (
    args?.op_name === 'Conv' && weight?.slice(1).every((size) => size === 1) === true && weight.length === 4
  );
}

/** onnxruntime: a network of one layer, timed by its own profile. */
export async function onnxKernel(
  rival: OnnxRival,
  kernel: KernelCase,
  operands: Operands,
  threads: number,
): Promise<KernelContestant> {
  const folder = await mkdtemp(join(tmpdir(), 'fusor-bench-'));
  const network = await rival.load(
    await rivalNetwork(kernel, operands),
    operands.inputs.map((data, index) => ({ data, shape: operands.shapes[index]! })),
    threads,
    { profile: join(folder, 'profile') },
  );
  const output = await network.run();
  let count = 1;
  const turns: { readonly begin: number; readonly end: number }[] = [];
  return {
    id: 'onnxruntime',
    output,
    turn: async (milliseconds) => {
      await network.run();
      count += 1;
      const begin = count;
      const start = performance.now();
      do {
        await network.run();
        count += 1;
      } while (performance.now() - start < milliseconds);
      turns.push({ begin, end: count });
    },
    finish: async () => {
      network.endProfile();
      const [file] = await readdir(folder);
      const events = JSON.parse(await readFile(join(folder, file!), 'utf8')) as ProfileEvent[];
      const runs = runsOfProfile(events, kernel.rivalForward !== undefined);
      return turns.map(({ begin, end }) => median(runs.slice(begin, end)));
    },
    close: async () => {
      await network.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** oneDNN, in its process. */
export async function oneDnnKernel(
  process: RivalProcess,
  kernel: KernelCase,
  operands: Operands,
  threads: number,
): Promise<KernelContestant> {
  const shape = kernel.convolution!;
  const folder = await mkdtemp(join(tmpdir(), 'fusor-bench-'));
  const path = join(folder, 'operands');
  try {
    const [x, residual] = operands.inputs;
    const [weight, bias] = operands.constants;
    const arrays = [x!, weight!, bias!, ...(residual === undefined ? [] : [residual])];
    await writeFile(path, Buffer.concat(arrays.map((array) => Buffer.from(array.buffer))));
    const { c, k, h, w, r, s, stride, padding, dilation, groups } = shape;
    const numbers = [operands.shapes[0]![0]!, c, h, w, k, r, s, stride, padding, dilation, groups];
    await process.ask(
      `load ${numbers.join(' ')} ${Number(shape.residual)} ${Number(shape.relu)} ${threads} ${path}`,
    );
    const bytes = await readFile(`${path}.out`);
    const turns: number[] = [];
    return {
      id: 'onednn',
      output: new Float32Array(new Uint8Array(bytes).buffer),
      turn: async (milliseconds) => {
        const answer = await process.ask(`run ${milliseconds / 1000}`);
        turns.push(Number(answer.milliseconds));
      },
      finish: async () => turns,
      close: async () => {},
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
