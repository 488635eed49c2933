import { scope, type Tensor } from '@fusor/native';
import { Call, type OperatorTable } from './call.ts';
import type { OnnxCase } from './cases.ts';
import type { OnnxNode, OnnxTensor } from './model.ts';
import { elementwise } from './operators/elementwise.ts';
import { movement } from './operators/movement.ts';
import { networks } from './operators/networks.ts';
import { reductions } from './operators/reductions.ts';
import { Refusal, toTensor } from './values.ts';

/** Every operator that the runner knows. */
export const operators: OperatorTable = { ...elementwise, ...reductions, ...networks, ...movement };

/** A refusal with the node at which it came up. */
export class NodeRefusal extends Refusal {
  readonly operator: string;

  constructor(operator: string, reason: string) {
    super(reason);
    this.operator = operator;
  }
}

/**
 * Runs a recorded model node by node through the eager ops and returns its outputs. Throws `Refusal` where the model
 * needs what the engine or this runner does not have.
 */
export function runCase(recorded: OnnxCase): Promise<Tensor[]> {
  return scope(() => runNodes(recorded));
}

async function runNodes({ model, inputs }: OnnxCase): Promise<Tensor[]> {
  const { graph, operatorSets } = model;
  const values = new Map<string, Tensor>();
  const add = (name: string, tensor: OnnxTensor): void => {
    values.set(name, toTensor(tensor));
  };

  if (
    graph.inputs.some((info) => info.kind !== 'tensor') ||
    graph.outputs.some((info) => info.kind !== 'tensor')
  ) {
    throw new Refusal('sequences and optional values');
  }
  for (const node of graph.nodes) refuseUnknown(node);
  for (const tensor of graph.initializers) add(tensor.name, tensor);
  for (const [index, info] of graph.inputs.entries()) {
    const recorded = inputs[index];
    if (recorded !== undefined) add(info.name, recorded);
    // Older files list the initializers among the inputs; an input without a file and an initializer has no value.
    else if (!values.has(info.name)) throw new Refusal('an input that is not a tensor');
  }

  const opset = operatorSets.get('') ?? 1;
  for (const node of graph.nodes) {
    const given = node.inputs.map((name) => {
      if (name === '') return undefined;
      const value = values.get(name);
      if (value === undefined) throw new Error(`${node.operator} reads ${name}, which nothing has made`);
      return value;
    });
    const made = await run(node, new Call(node, given, opset));
    for (const [index, name] of node.outputs.entries()) {
      const tensor = made[index];
      if (name !== '' && tensor !== undefined) values.set(name, tensor);
    }
  }
  return graph.outputs.map((info) => {
    const value = values.get(info.name);
    if (value === undefined) throw new Error(`the model's output ${info.name} was not made`);
    return value;
  });
}

function refuseUnknown(node: OnnxNode): void {
  if (node.domain !== '' && node.domain !== 'ai.onnx') {
    throw new NodeRefusal(`${node.domain}.${node.operator}`, `domain ${node.domain}`);
  }
  if (operators[node.operator] === undefined) throw new NodeRefusal(node.operator, 'no such op');
}

async function run(node: OnnxNode, call: Call): Promise<(Tensor | undefined)[]> {
  try {
    const made = await operators[node.operator]!(call);
    return Array.isArray(made) ? made : [made];
  } catch (error) {
    if (error instanceof Refusal) throw new NodeRefusal(node.operator, error.message);
    throw error;
  }
}
