import type { Tensor } from '@fusor/native';
import type { KernelUse } from '../results/kernels.ts';
import type { ConvolutionShape } from './convolution-shape.ts';

/** One operation to be measured: what `forward` does with tensors of the given sizes. */
export interface KernelCase {
  /** The name of the operation, as graphs have it. */
  readonly op: string;
  /** As `--shape` takes it. */
  readonly shape: string;
  readonly networks: readonly KernelUse[];
  /** Whether the shape leaves out the batch; else it is measured with a batch of 1 only. */
  readonly batched: boolean;
  /** Sizes of the inputs. */
  readonly inputs: (batch: number) => readonly (readonly number[])[];
  /** Sizes of weights, biases, statistics, and the range of their random numbers; by default [-0.5, 0.5]. */
  readonly constants: readonly {
    readonly shape: readonly number[];
    readonly range?: readonly [number, number];
  }[];
  readonly forward: (inputs: readonly Tensor[], constants: readonly Tensor[]) => Tensor | readonly Tensor[];
  /** What the rival's network does, where it must differ from `forward` to be at its best. */
  readonly rivalForward?: KernelCase['forward'];
  /** For the rival that has nothing but convolutions. */
  readonly convolution?: ConvolutionShape;
}

/** The ops of a plan that only bring values into a layout: they belong to a plan of one operation, not to networks. */
export const layoutOps: ReadonlySet<string> = new Set(['layout']);
