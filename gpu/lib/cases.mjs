// Running device tests from data: a graph of operations, inputs told by seeds, recorded results, a bound.
import { compile, Graph } from '@fusor/layers';
import { Tensor } from '@fusor/native';
import { runOp } from '@fusor/native/trace';
import { values } from './values.mjs';

/** Half the distance from 1 to the next number: what rounding once costs, relatively. */
const ROUNDOFF = { f32: 2 ** -24, f16: 2 ** -11, bf16: 2 ** -8 };
/**
 * What f32 arithmetic in another order leaves open, of the greatest element: sums of some hundred terms, and functions of a
 * handful of roundings in each of two implementations.
 */
const F32_SLACK = 2 ** -18;

/** How a case can be run: in each dtype, eagerly and as a plan. */
export const MODES = ['f32', 'f16', 'bf16'].flatMap((dtype) => [
  { dtype, eager: true, title: `${dtype}, eager` },
  { dtype, eager: false, title: `${dtype}, compiled` },
]);

const input = (spec, device) =>
  Tensor.from(values(spec), spec.shape)
    .to(spec.dtype ?? 'f32')
    .to(device);

/** Runs a case and compares. @throws Error telling the first element that is off. */
export async function runCase(test, { dtype, eager }, device) {
  const results = await (eager ? runEagerly : runCompiled)(test, dtype, device);
  if (results.length !== test.outputs.length) throw new Error(`${results.length} results`);
  for (const [i, result] of results.entries())
    await compare(result, test.outputs[i], dtype, i, test.roundings);
  for (const result of results) result.dispose();
}

async function runCompiled({ graph, inputs, constants }, dtype, device) {
  const given = new Map(Object.entries(constants).map(([name, spec]) => [name, input(spec, device)]));
  // Every kernel that there is for it, whether it is the fastest here or not.
  const plan = await compile(Graph.fromJSON(graph, given), { device, dtype, chains: true });
  const output = await plan.run(inputs.map((spec) => input(spec, device)));
  plan.dispose();
  return [output].flat();
}

async function runEagerly({ graph: json, inputs, constants }, dtype, device) {
  const float = (spec) => {
    const tensor = input(spec, device);
    return tensor.dtype === 'f32' ? tensor.to(dtype) : tensor;
  };
  const graph = Graph.fromJSON(json);
  const tensors = new Map(graph.inputs.map((value, i) => [value, float(inputs[i])]));
  for (const value of graph.constants()) tensors.set(value, float(constants[value.name]));
  for (const node of graph.nodes) {
    const operands = node.inputs.map((value) => (value === null ? null : tensors.get(value)));
    const made = runOp(node.op, operands, node.attributes);
    for (const [i, value] of node.outputs.entries()) tensors.set(value, made[i]);
  }
  return graph.outputs.map((value) => tensors.get(value));
}

async function compare(result, { shape, dtype: recordedType, data }, dtype, place, roundings = 1) {
  if (JSON.stringify(result.shape) !== JSON.stringify(shape)) {
    throw new Error(`result ${place} has the shape [${result.shape}], expected [${shape}]`);
  }
  const actual = await result.to('f32').data();
  const bytes = Buffer.from(data, 'base64');
  const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const isFloat = recordedType === 'f32';
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  for (const [i, value] of actual.entries()) {
    const wanted = expected[i];
    const slack = F32_SLACK + (roundings - 1) * ROUNDOFF[dtype];
    const bound = isFloat ? 1.001 * ROUNDOFF[dtype] * Math.abs(wanted) + slack * scale : 0;
    if (!(Math.abs(value - wanted) <= bound)) {
      throw new Error(`result ${place}, element ${i} is ${value}, expected ${wanted} within ${bound}`);
    }
  }
}
