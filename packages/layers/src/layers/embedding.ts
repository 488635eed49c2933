import { ArgumentError } from '@fusor/errors';
import { ops, Tensor } from '@fusor/native';
import { checkInteger, repr } from '../arguments.ts';
import { type Initializer, normal } from '../init/index.ts';
import { Module } from '../module/module.ts';

/** Options of {@link Embedding}. */
export interface EmbeddingOptions {
  /** The row that starts as zeros; negative ones count from the end. */
  readonly paddingIndex?: number;
  /** Makes the first weight; default normal with mean 0 and deviation 1, PyTorch's. */
  readonly weightInit?: Initializer;
}

/**
 * Rows of a table: y[…] = weight[x[…]]. x: i32 or i64 of any shape; y has one dimension more, of size `features`;
 * weight [entries, features].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html
 */
export class Embedding extends Module {
  readonly entries: number;
  readonly features: number;
  readonly paddingIndex: number | null;
  weight: Tensor;

  constructor(entries: number, features: number, options: EmbeddingOptions = {}) {
    super();
    this.entries = checkInteger('Embedding', 'entries', entries);
    this.features = checkInteger('Embedding', 'features', features);
    this.paddingIndex = rowOf(entries, options.paddingIndex);
    this.weight = (options.weightInit ?? normal)([entries, features]);
    if (this.paddingIndex !== null) {
      const row = this.weight.narrow(0, this.paddingIndex, 1);
      const zeros = Tensor.zeros([1, features]);
      row.assign(zeros);
      row.dispose();
      zeros.dispose();
    }
  }

  override extraRepr(): string {
    return repr(
      [this.entries, this.features],
      this.paddingIndex === null ? {} : { paddingIndex: this.paddingIndex },
    );
  }

  override forward(x: Tensor): Tensor {
    return ops.embedding(this.weight, x);
  }
}

function rowOf(entries: number, index: number | undefined): number | null {
  if (index === undefined) return null;
  if (!Number.isInteger(index) || index < -entries || index >= entries) {
    throw new ArgumentError(
      `Embedding: paddingIndex must be an integer from ${-entries} to ${entries - 1}, got ${String(index)}`,
    );
  }
  return index < 0 ? index + entries : index;
}
