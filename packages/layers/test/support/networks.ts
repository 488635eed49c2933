import { type Graph, type InputOption, Module, PASSES, type Pass, trace } from '@fusor/layers';
import { manualSeed, Tensor } from '@fusor/native';

/** A module with a forward given as a function; `parts` are its fields. */
export class Net<Parts extends object, Output = Tensor> extends Module<Output, never[]> {
  readonly #compute: (parts: Parts, ...inputs: never[]) => Output;

  constructor(parts: Parts, compute: (parts: Parts, ...inputs: never[]) => Output) {
    super();
    Object.assign(this, parts);
    this.#compute = compute;
  }

  override forward(...inputs: never[]): Output {
    return this.#compute(this as unknown as Parts, ...inputs);
  }
}

/** A module of tensors in and whatever out. */
export function net<Parts extends object, Output>(
  parts: Parts,
  compute: (parts: Parts, ...inputs: Tensor[]) => Output,
): Net<Parts, Output> {
  return new Net(parts, compute as (parts: Parts, ...inputs: never[]) => Output).eval();
}

/** Numbers of a fixed stream in all f32 parameters and statistics; variances between 0.5 and 1.5. */
export function randomize<M extends Module<unknown, never[]>>(model: M, seed = 1): M {
  manualSeed(seed);
  for (const [name, tensor] of model.stateDict()) {
    if (tensor.dtype !== 'f32') continue;
    const variance = name.endsWith('running_var');
    const value = Tensor.rand(tensor.shape, variance ? { low: 0.5, high: 1.5 } : { low: -0.5, high: 0.5 });
    tensor.assign(value);
    value.dispose();
  }
  return model;
}

/** A pass of compile by its name. */
export function passNamed(name: string): Pass {
  return PASSES.find((pass) => pass.name === name)!;
}

/** A graph as text before and after some passes. */
export async function beforeAndAfter(
  model: Module<unknown, never[]>,
  input: InputOption,
  ...passes: readonly Pass[]
): Promise<{ before: string; after: string; counts: number[]; graph: Graph }> {
  const graph = trace(model, input);
  const before = graph.toString();
  const counts: number[] = [];
  for (const pass of passes) counts.push(await pass.run(graph));
  return { before, after: graph.toString(), counts, graph };
}
