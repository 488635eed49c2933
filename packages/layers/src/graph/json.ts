import { ArgumentError } from '@fusor/errors';
import type { DType, Tensor } from '@fusor/native';
import type { Attributes, AttributeValue, OpName } from '@fusor/native/trace';
import type { Graph, GraphParts, Node, Value } from './graph.ts';
import type { Structure } from './structure.ts';

/** A value in JSON. */
export interface ValueJSON {
  readonly id: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly name?: string;
}

/** An attribute in JSON, which has neither bigints nor infinities: these are strings, `'123n'` and `'Infinity'`. */
export type AttributeJSON =
  | number
  | boolean
  | string
  | readonly (number | string)[]
  | { readonly clamp: readonly (number | string)[] };

/** A node in JSON. */
export interface NodeJSON {
  readonly op: OpName;
  readonly name: string;
  readonly attributes: Readonly<Record<string, AttributeJSON>>;
  /** Ids; -1 for an optional input that is absent. */
  readonly inputs: readonly number[];
  readonly outputs: readonly ValueJSON[];
}

/** A graph in JSON. */
export interface GraphJSON {
  readonly format: 'fusor-graph';
  readonly version: 1;
  readonly inputKind: 'list' | 'record';
  readonly inputs: readonly ValueJSON[];
  readonly constants: readonly ValueJSON[];
  readonly nodes: readonly NodeJSON[];
  /** Ids. */
  readonly outputs: readonly number[];
  /** What `forward` returned, with indices into `outputs`. */
  readonly result: Structure<number>;
}

/** The body of `Graph.toJSON`. */
export function writeGraph(graph: Graph): GraphJSON {
  return {
    format: 'fusor-graph',
    version: 1,
    inputKind: graph.inputKind,
    inputs: graph.inputs.map(writeValue),
    constants: graph.constants().map(writeValue),
    nodes: graph.nodes.map((node) => ({
      op: node.op,
      name: node.name,
      attributes: Object.fromEntries(
        Object.entries(node.attributes).map(([name, value]) => [name, writeAttribute(value)]),
      ),
      inputs: node.inputs.map((input) => input?.id ?? -1),
      outputs: node.outputs.map(writeValue),
    })),
    outputs: graph.outputs.map((output) => output.id),
    result: graph.result,
  };
}

function writeValue({ id, dtype, shape, name }: Value): ValueJSON {
  return { id, dtype, shape: [...shape], ...(name === undefined ? {} : { name }) };
}

function writeAttribute(value: AttributeValue): AttributeJSON {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return writeNumber(value);
  if (typeof value !== 'object') return value;
  return 'clamp' in value ? { clamp: value.clamp.map(writeNumber) } : value.map(writeNumber);
}

function writeNumber(value: number): number | string {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}

/** The body of `Graph.fromJSON`. */
export function readGraph(source: GraphJSON | string, constants: ReadonlyMap<string, Tensor>): GraphParts {
  const json = typeof source === 'string' ? parse(source) : source;
  check(json?.format === 'fusor-graph', 'it has no format: "fusor-graph"');
  check(json.version === 1, `version ${String(json.version)} is not known, only 1`);
  for (const part of ['inputs', 'constants', 'nodes', 'outputs'] as const) {
    check(Array.isArray(json[part]), `${part} is not a list`);
  }
  const values = new Map<number, Value>();
  const add = (value: Value): Value => {
    check(!values.has(value.id), `two values have the id ${value.id}`);
    values.set(value.id, value);
    return value;
  };
  const get = (id: number, where: string): Value => {
    const value = values.get(id);
    check(value !== undefined, `${where} uses value ${String(id)}, which is not made before it`);
    return value;
  };
  const inputs = json.inputs.map((input) => add(readValue(input)));
  for (const constant of json.constants) add(readConstant(constant, constants));
  const nodes = json.nodes.map((node): Node => {
    check(typeof node?.op === 'string' && typeof node.name === 'string', 'a node has no op or no name');
    const where = `node ${JSON.stringify(node.name)}`;
    check(Array.isArray(node.inputs) && Array.isArray(node.outputs), `${where} has no inputs or no outputs`);
    return {
      op: node.op,
      name: node.name,
      attributes: readAttributes(node.attributes, where),
      inputs: node.inputs.map((id) => (id === -1 ? null : get(id, where))),
      outputs: node.outputs.map((output) => add(readValue(output))),
    };
  });
  const outputs = json.outputs.map((id) => get(id, 'the result'));
  check(json.inputKind === 'list' || json.inputKind === 'record', 'inputKind is neither "list" nor "record"');
  checkStructure(json.result, outputs.length);
  return { inputs, nodes, outputs, inputKind: json.inputKind, result: json.result };
}

function parse(text: string): GraphJSON {
  try {
    return JSON.parse(text) as GraphJSON;
  } catch (error) {
    throw new ArgumentError('Graph.fromJSON: the text is not JSON', { cause: error });
  }
}

const DTYPES: ReadonlySet<string> = new Set<DType>(['f32', 'f16', 'bf16', 'i32', 'i64', 'u8']);

function readValue(json: ValueJSON): Value {
  check(Number.isSafeInteger(json?.id) && json.id >= 0, `${String(json?.id)} is no id of a value`);
  check(DTYPES.has(json.dtype), `value ${json.id} has no known dtype`);
  check(
    Array.isArray(json.shape) &&
      json.shape.every((size: unknown) => Number.isSafeInteger(size) && Number(size) >= 0),
    `value ${json.id} has no shape`,
  );
  check(
    json.name === undefined || typeof json.name === 'string',
    `value ${json.id} has a name that is no text`,
  );
  return {
    id: json.id,
    dtype: json.dtype,
    shape: [...json.shape],
    ...(json.name === undefined ? {} : { name: json.name }),
  };
}

function readConstant(json: ValueJSON, constants: ReadonlyMap<string, Tensor>): Value {
  const value = readValue(json);
  const tensor = value.name === undefined ? undefined : constants.get(value.name);
  if (tensor === undefined) return value;
  check(
    tensor.dtype === value.dtype && tensor.shape.join() === value.shape.join(),
    `constant ${value.name} is ${value.dtype} [${value.shape.join(', ')}], but the tensor given for it is ` +
      `${tensor.dtype} [${tensor.shape.join(', ')}]`,
  );
  return { ...value, constant: tensor };
}

function readAttributes(json: unknown, where: string): Attributes {
  check(typeof json === 'object' && json !== null && !Array.isArray(json), `${where} has no attributes`);
  return Object.fromEntries(
    Object.entries(json).map(([name, value]: [string, unknown]) => [name, readAttribute(value, where)]),
  );
}

function readAttribute(value: unknown, where: string): AttributeValue {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    if (/^\d+n$/.test(value)) return BigInt(value.slice(0, -1));
    return NUMBERS.get(value) ?? value;
  }
  if (Array.isArray(value)) return value.map((item: unknown) => readNumber(item, where));
  const clamp: unknown =
    typeof value === 'object' && value !== null && 'clamp' in value ? value.clamp : undefined;
  check(Array.isArray(clamp) && clamp.length === 2, `${where} has an attribute of no known kind`);
  return { clamp: [readNumber(clamp[0], where), readNumber(clamp[1], where)] };
}

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ['-0', -0],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

function readNumber(value: unknown, where: string): number {
  const number = typeof value === 'string' ? NUMBERS.get(value) : value;
  check(typeof number === 'number', `${where} has a list with something else than numbers`);
  return number;
}

function checkStructure(structure: unknown, outputs: number): void {
  if (typeof structure === 'number') {
    check(
      Number.isInteger(structure) && structure >= 0 && structure < outputs,
      `result names output ${structure}`,
    );
    return;
  }
  if (structure === null) return;
  check(typeof structure === 'object', 'result is no structure of outputs');
  for (const item of Object.values(structure)) checkStructure(item, outputs);
}

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ArgumentError(`Graph.fromJSON: ${what}`);
}
