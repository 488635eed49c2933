import { readFileSync } from 'node:fs';
import { Tensor } from '@fusor/native';

/** A tensor of the golden file. */
export interface PlainTensor {
  readonly dtype: 'f32' | 'i64' | 'u8';
  readonly shape: number[];
  readonly data: number[];
}

/** A layer of PyTorch with its parameters, inputs and outputs. */
export interface GoldenCase {
  readonly name: string;
  /** Class, and the arguments of its constructor here. */
  readonly make: [type: string, args: unknown[]];
  readonly state: Record<string, PlainTensor>;
  readonly inputs: PlainTensor[];
  readonly outputs: (PlainTensor | null)[];
  readonly train?: true;
  /** The state dict after a step in training mode. */
  readonly after?: Record<string, PlainTensor>;
}

/** What `golden/make-golden.py` recorded. */
export interface Golden {
  readonly cases: GoldenCase[];
  readonly masks: Record<
    'input' | 'causal' | 'padding' | 'bias' | 'masked' | 'weights' | 'biased',
    PlainTensor
  > & {
    readonly state: Record<string, PlainTensor>;
  };
  readonly defaults: Record<string, Record<string, unknown>>;
  readonly tree: {
    readonly repr: string;
    readonly state: Record<string, number[]>;
    readonly parameters: string[];
    readonly modules: string[];
  };
}

const FILE = new URL('../golden/layers.golden', import.meta.url);

export function readGolden(): Golden {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Golden;
}

export function tensorOf({ dtype, shape, data }: PlainTensor): Tensor {
  return Tensor.from(data, undefined, { dtype }).reshape(shape);
}

export function stateOf(state: Record<string, PlainTensor>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, tensorOf(tensor)]));
}
