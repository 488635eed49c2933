import type { Tensor } from './tensor.ts';
import type { DType, Shape } from './types.ts';

/** The operations a graph is made of, as `native/include/fusor/ops.h` describes them. */
export type OpName =
  | 'conv2d'
  | 'linear'
  | 'matmul'
  | 'batchNorm'
  | 'batchNormTraining'
  | 'layerNorm'
  | 'addLayerNorm'
  | 'rmsNorm'
  | 'groupNorm'
  | 'residualAdd'
  | 'unary'
  | 'binary'
  | 'where'
  | 'convert'
  | 'softmax'
  | 'reduce'
  | 'argReduce'
  | 'topk'
  | 'maxPool2d'
  | 'avgPool2d'
  | 'adaptiveAvgPool2d'
  | 'adaptiveMaxPool2d'
  | 'pad'
  | 'concat'
  | 'gather'
  | 'indexSelect'
  | 'reshape'
  | 'permute'
  | 'slice'
  | 'expand'
  | 'fill'
  | 'arange'
  | 'random'
  | 'foldBatchNorm'
  | 'assign';

/** An attribute: numbers, lists of integers, names (`'relu'`, `'add'`, `'f32'`), or an activation with its bounds. */
export type AttributeValue =
  | number
  | bigint
  | boolean
  | string
  | readonly number[]
  | { readonly clamp: readonly [low: number, high: number] };

/** The attributes of an op by name, as plain data. */
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** What is known of a value before it is computed. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A value of a graph: an input, a constant (with its tensor), or what a node gives. */
export interface GraphValue extends TensorSpec {
  /** Any integer, once per graph. */
  readonly id: number;
  readonly constant?: Tensor | undefined;
}

/** One operation of a graph. */
export interface GraphNode {
  readonly op: OpName;
  readonly attributes: Attributes;
  /** Value ids in the op's order; -1 for an optional input that is absent. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** For people: `'layer1.0.conv1'`. */
  readonly name: string;
}

/** A network as plain data. Nodes stand in an order in which every value is made before it is used. */
export interface Graph {
  readonly values: readonly GraphValue[];
  readonly nodes: readonly GraphNode[];
  /** Value ids. */
  readonly inputs: readonly number[];
  /** Value ids; may repeat, and may be inputs or constants. */
  readonly outputs: readonly number[];
}
