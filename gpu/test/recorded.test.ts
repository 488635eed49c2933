// cases.json is what define.ts says, with the results of the CPU: whose operations are tested against plain loops in f64 and
// onnxruntime. FUSOR_RECORD=1 writes it anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Module, trace } from '@fusor/layers';
import { Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { type Definition, definitions } from '../cases/define.ts';
import { type Case, MODES, runCase, type Spec } from '../lib/cases.mjs';
import { values } from '../lib/values.mjs';

const file = join(import.meta.dirname, '..', 'cases', 'cases.json');
const tensorOf = (spec: Spec): Tensor => Tensor.from(values(spec), spec.shape).to(spec.dtype ?? 'f32');

/** The constants are its fields, which is where their names in the graph come from. */
class Traced extends Module<Tensor | readonly Tensor[], Tensor[]> {
  readonly #compute: Definition['compute'];
  readonly #constants: readonly Tensor[];

  constructor(compute: Definition['compute'], constants: Readonly<Record<string, Tensor>>) {
    super();
    Object.assign(this, constants);
    this.#compute = compute;
    this.#constants = Object.values(constants);
  }

  override forward(...given: Tensor[]): Tensor | readonly Tensor[] {
    return this.#compute(...given, ...this.#constants);
  }
}

function describeCase(
  name: string,
  { inputs, given = 1, roundings, compute }: Definition,
  seed: number,
): Case {
  const specs = inputs.map((each, i): Spec => ({ ...each, seed: seed * 16 + i + 1 }));
  const constants = Object.fromEntries(specs.slice(given).map((spec, i) => [`constant${i}`, spec]));
  const tensors = Object.fromEntries(Object.entries(constants).map(([key, spec]) => [key, tensorOf(spec)]));
  const graph = trace(
    new Traced(compute, tensors).eval(),
    specs.slice(0, given).map(({ shape, dtype = 'f32' }) => ({ shape, dtype })),
  );
  return {
    name,
    graph: graph.toJSON(),
    inputs: specs.slice(0, given),
    constants,
    ...(roundings === undefined ? {} : { roundings }),
    outputs: [],
  };
}

async function record(definition: Definition, described: Case): Promise<Case> {
  const tensors = [...described.inputs, ...Object.values(described.constants)].map(tensorOf);
  const outputs = [definition.compute(...tensors)].flat() as Tensor[];
  const recorded = outputs.map(async (output) => {
    const data = (await output.to('f32').data()) as Float32Array;
    return { dtype: output.dtype, shape: output.shape, data: Buffer.from(data.buffer).toString('base64') };
  });
  return { ...described, outputs: await Promise.all(recorded) };
}

const described = Object.entries(definitions).map(([name, definition], i) =>
  describeCase(name, definition, i + 1),
);

if (process.env.FUSOR_RECORD === '1') {
  const cases = await Promise.all(described.map((each) => record(definitions[each.name]!, each)));
  writeFileSync(file, `[\n${cases.map((each) => JSON.stringify(each)).join(',\n')}\n]\n`);
}
const committed = JSON.parse(readFileSync(file, 'utf8')) as Case[];

describe('the device tests that are carried to GPUs', () => {
  it('are those that define.ts defines', () => {
    const withoutResults = committed.map(({ outputs: _, ...rest }) => rest);
    expect(withoutResults).toEqual(
      JSON.parse(JSON.stringify(described.map(({ outputs: _, ...rest }) => rest))),
    );
  });

  it('have the results of the CPU, eager and compiled', async () => {
    for (const mode of MODES.filter(({ dtype }) => dtype === 'f32'))
      for (const each of committed) await runCase(each, mode, 'cpu');
  });

  it('notice a result that is off by a little more than rounding', async () => {
    const [first] = committed;
    const bytes = Buffer.from(first!.outputs[0]!.data, 'base64');
    bytes.writeFloatLE(bytes.readFloatLE(8) + 1e-4, 8);
    const wrong = { ...first!, outputs: [{ ...first!.outputs[0]!, data: bytes.toString('base64') }] };
    await expect(runCase(wrong, MODES[0]!, 'cpu')).rejects.toThrow(/element 2 is .*, expected .* within/);
  });
});
