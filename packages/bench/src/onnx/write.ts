import { ArgumentError, UnsupportedError } from '@fusor/errors';
import type { Graph } from '@fusor/layers';
import { OnnxGraphBuilder } from './builder.ts';
import { elementwiseOps } from './emit-elementwise.ts';
import { movementOps } from './emit-movement.ts';
import { type Emitters, networkOps } from './emit-network.ts';
import { Emitter, type NamedValue } from './emitter.ts';

/** The ops that can be written; the others train, draw random numbers or change their inputs. */
const emitters: Emitters = {
  ...networkOps,
  ...elementwiseOps,
  ...movementOps,
};

export interface WriteOnnxOptions {
  /** Stored as the graph's name. Default `'fusor'`. */
  readonly name?: string;
  /** Names of the graph's inputs in the file. Default `input`, or `input0`, `input1`, … for several. */
  readonly inputNames?: readonly string[];
  /** Names of the graph's outputs in the file. Default `output`, or `output0`, `output1`, … for several. */
  readonly outputNames?: readonly string[];
}

/**
 * Writes a graph, as `trace` of @fusor/layers gives it, as an ONNX model with its weights inside: operator set 17,
 * shapes as traced, dtypes as they are (truth values become u8).
 *
 * Waits for the constants' data, so weights that are still being computed are fine.
 *
 * @returns the bytes of the `.onnx` file.
 * @throws UnsupportedError for an op or attribute that ONNX does not have, naming the node.
 * @throws ArgumentError for 2 GiB and more of weights.
 */
export async function writeOnnx(
  graph: Graph,
  options: WriteOnnxOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const builder = new OnnxGraphBuilder(options.name === undefined ? {} : { name: options.name });
  const inputNames = namesFor('input', graph.inputs.length, options.inputNames);
  const outputNames = namesFor('output', graph.outputs.length, options.outputNames);
  const values = nameValues(graph, inputNames, outputNames);
  const { nodes, inputs, outputs } = graph.toNative();

  for (const id of inputs) {
    const { name, dtype, shape } = values.get(id)!;
    builder.addInput(name, dtype, shape);
  }
  for (const { name, dtype, shape, constant } of values.values()) {
    if (constant !== undefined) builder.addInitializer(name, dtype, shape, await constant.data());
  }
  for (const [index, node] of nodes.entries()) {
    const emit = emitters[node.op];
    if (emit === undefined) throw new UnsupportedError(`onnx: ${node.name}: ${node.op} cannot be written`);
    emit(new Emitter(builder, node, values, `n${index}`));
  }
  for (const [index, id] of outputs.entries()) {
    const { name, dtype, shape } = values.get(id)!;
    // A value that is also an input, a constant or another output needs a node to have a second name.
    if (name !== outputNames[index]) builder.addNode('Identity', [name], [outputNames[index]!]);
    builder.addOutput(outputNames[index]!, dtype, shape);
  }
  return builder.finish();
}

/**
 * Inputs and outputs have the names that the file's readers use, constants those of the parameters they were
 * (`conv1.weight`), all other values their number.
 */
function nameValues(
  graph: Graph,
  inputNames: readonly string[],
  outputNames: readonly string[],
): ReadonlyMap<number, NamedValue> {
  const names = new Map<number, string>();
  const taken = new Set([...inputNames, ...outputNames]);
  for (const [index, { id }] of graph.inputs.entries()) names.set(id, inputNames[index]!);
  for (const { id, name } of graph.constants()) {
    const own = name === undefined || name === '' || taken.has(name) ? `c${id}` : name;
    taken.add(own);
    names.set(id, own);
  }
  for (const [index, { id }] of graph.outputs.entries()) {
    if (!names.has(id)) names.set(id, outputNames[index]!);
  }
  return new Map(
    graph.values().map((value) => [value.id, { ...value, name: names.get(value.id) ?? `v${value.id}` }]),
  );
}

function namesFor(word: string, count: number, given?: readonly string[]): readonly string[] {
  if (given !== undefined && given.length === count) return given;
  if (given !== undefined) {
    throw new ArgumentError(`onnx: ${given.length} ${word} names for a graph with ${count} ${word}s`);
  }
  return count === 1 ? [word] : Array.from({ length: count }, (_, index) => `${word}${index}`);
}
