import type { Attributes, AttributeValue } from '@fusor/native/trace';
import type { Graph, Node, Value } from './graph.ts';
import { mapStructure } from './structure.ts';

/** Attributes that say nothing: left out of the text, for the eye to find the others. */
const SILENT: Readonly<Record<string, string>> = {
  activation: 'none',
  groups: '1',
  dilation: '[1, 1]',
  padding: '[0, 0, 0, 0]',
  ceilMode: 'false',
};

/** A graph as text. The signature first, one line per node, then what is returned. */
export function printGraph(graph: Graph): string {
  const inputs = graph.inputs.map((input) => `${nameOf(input)}: ${typeOf(input)}`).join(', ');
  const lines = graph.nodes.map((node) => `  ${printNode(node)}`);
  const result = mapStructure(graph.result, (index) => nameOf(graph.outputs[index]!));
  return [`graph(${inputs}) {`, ...lines, `  return ${printResult(result)}`, '}'].join('\n');
}

function printNode(node: Node): string {
  const outputs = node.outputs.map(nameOf).join(', ');
  const inputs = [...node.inputs];
  while (inputs.at(-1) === null) inputs.pop();
  const call = `${node.op}(${inputs.map((input) => (input === null ? '-' : nameOf(input))).join(', ')})`;
  const types = node.outputs.map(typeOf).join(', ');
  return `${outputs} = ${call}${printAttributes(node.attributes)}: ${types}  # ${node.name}`;
}

function printAttributes(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, value]) => [name, printAttribute(value)] as const)
    .filter(([name, text]) => SILENT[name] !== text)
    .map(([name, text]) => ` ${name}=${text}`)
    .join('');
}

function printAttribute(value: AttributeValue): string {
  if (typeof value !== 'object') return String(value);
  return 'clamp' in value ? `clamp(${value.clamp.join(', ')})` : `[${value.join(', ')}]`;
}

function printResult(result: unknown): string {
  if (typeof result === 'string') return result;
  if (result === null) return 'null';
  if (Array.isArray(result)) return `[${result.map(printResult).join(', ')}]`;
  const fields = Object.entries(result as object).map(([name, item]) => `${name}: ${printResult(item)}`);
  return `{ ${fields.join(', ')} }`;
}

function nameOf(value: Value): string {
  return value.name ?? `%${value.id}`;
}

function typeOf(value: Value): string {
  return `${value.dtype} [${value.shape.join(', ')}]`;
}
