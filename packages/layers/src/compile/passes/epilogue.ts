import type { AttributeValue } from '@fusor/native/trace';
import type { Node, Value } from '../../graph/graph.ts';

/**
 * Nodes that end with `activation(… + residual)`, and where in their inputs bias and residual stand. Absent inputs at
 * the end may be missing from the list.
 */
const EPILOGUES: Readonly<
  Partial<Record<Node['op'], { readonly bias?: number; readonly residual?: number }>>
> = {
  conv2d: { bias: 2, residual: 3 },
  linear: { bias: 2, residual: 3 },
  batchNorm: { residual: 5 },
  residualAdd: {},
};

/** Where a node takes a bias for each output channel; undefined where it takes none. */
export function biasPlace(node: Node): number | undefined {
  return EPILOGUES[node.op]?.bias;
}

/** Where a node takes a residual; undefined where it takes none. */
export function residualPlace(node: Node): number | undefined {
  return EPILOGUES[node.op]?.residual;
}

/** Whether a node applies an activation, of which it has none yet. */
export function takesActivation(node: Node): boolean {
  return node.op in EPILOGUES && isInactive(node);
}

/** Whether a node's epilogue has no activation, so that more may be added to what it computes. */
export function isInactive(node: Node): boolean {
  return node.attributes.activation === 'none';
}

/** The optional input at a place; null where it is absent. */
export function inputAt(node: Node, place: number): Value | null {
  return node.inputs[place] ?? null;
}

/** The inputs with another one at a place. */
export function withInput(node: Node, place: number, value: Value): (Value | null)[] {
  const inputs = [...node.inputs];
  while (inputs.length <= place) inputs.push(null);
  inputs[place] = value;
  return inputs;
}

const UNARY_ACTIVATIONS: Readonly<Record<string, AttributeValue>> = {
  relu: 'relu',
  gelu: 'gelu',
  geluTanh: 'gelu-tanh',
  silu: 'silu',
};

/** A unary node as the attribute of an epilogue; undefined where it is not one of those. */
export function activationOf(node: Node): AttributeValue | undefined {
  if (node.op !== 'unary') return undefined;
  const { function: name, alpha, beta } = node.attributes;
  if (name === 'clamp' && typeof alpha === 'number' && typeof beta === 'number')
    return { clamp: [alpha, beta] };
  return typeof name === 'string' ? UNARY_ACTIVATIONS[name] : undefined;
}
