import type { Precision } from '../results/types.ts';

/** How a row of results names a network and what it computes in: rows of other precisions are other rows. */
export function titled(
  name: string,
  dtype: Precision,
): { readonly model: string; readonly dtype?: Precision } {
  return dtype === 'f32' ? { model: name } : { model: `${name} ${dtype}`, dtype };
}
