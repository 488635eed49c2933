import type { Graph, Node, Value } from '../../graph/graph.ts';

/** One change of a graph that keeps what it computes, up to rounding. */
export interface Pass {
  /** For people: `'fold batch-norm'`. */
  readonly name: string;
  /** Changes the graph in place and tells how many times the pattern was found. */
  readonly run: (graph: Graph) => number | Promise<number>;
}

/** What a pass may ask about the surroundings of a node. */
export interface Surroundings {
  /** The node that makes a value; undefined for inputs and constants. */
  producer(value: Value | null): Node | undefined;
  /** Whether a value is used in one place only, and so vanishes when that place changes. */
  usedOnce(value: Value): boolean;
}

/** One node in the place of two. */
export interface Fusion {
  /** The earlier node, whose only output nobody else uses. */
  readonly absorbed: Node;
  /** Takes the place, and makes the outputs, of the later node. */
  readonly node: Node;
}

/**
 * Goes through a graph and lets `match` put a node together with one before it. The new node stands where the later of
 * the two stood, so all its inputs are made before it.
 */
export function fuseNodes(
  graph: Graph,
  match: (node: Node, around: Surroundings) => Fusion | undefined,
): number {
  const producers = graph.producers();
  const uses = graph.uses();
  const around: Surroundings = {
    producer: (value) => (value === null ? undefined : producers.get(value)),
    usedOnce: (value) => uses.get(value) === 1,
  };
  const absorbed = new Set<Node>();
  const nodes = graph.nodes.map((node) => {
    const fusion = match(node, around);
    if (fusion === undefined) return node;
    absorbed.add(fusion.absorbed);
    for (const output of fusion.node.outputs) producers.set(output, fusion.node);
    return fusion.node;
  });
  graph.nodes = nodes.filter((node) => !absorbed.has(node));
  return absorbed.size;
}

/** Names of nodes that became one: `conv1 + bn1`. */
export function joinNames(first: string, second: string): string {
  return `${first} + ${second}`;
}

export function sameShape(a: Value, b: Value): boolean {
  return a.shape.length === b.shape.length && a.shape.every((size, dim) => size === b.shape[dim]);
}
