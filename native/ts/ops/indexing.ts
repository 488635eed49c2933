import { checkDim, checkTensor } from '../check.ts';
import { dispatchOne } from '../dispatch.ts';
import type { Tensor } from '../tensor.ts';

/**
 * `out[i][j][k] = x[i][index[i][j][k]][k]` for `dim` 1, and so on; the result has `index`'s shape.
 * https://docs.pytorch.org/docs/stable/generated/torch.gather.html
 *
 * @param index i32 or i64, of x's rank
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  checkTensor('gather', 'x', x);
  checkTensor('gather', 'index', index);
  return dispatchOne('gather', [x, index], { dim: checkDim('gather', 'dim', dim, x.rank) });
}

/**
 * The entries of dimension `dim` that `index` names. An index of rank 1 is torch.index_select; one of any rank puts its
 * shape in the dimension's place. https://docs.pytorch.org/docs/stable/generated/torch.index_select.html
 *
 * @param index i32 or i64
 */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  checkTensor('indexSelect', 'x', x);
  checkTensor('indexSelect', 'index', index);
  return dispatchOne('indexSelect', [x, index], { dim: checkDim('indexSelect', 'dim', dim, x.rank) });
}

/**
 * The rows of a table: `weight [v, d]` and `index [...]` give `[..., d]`.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html
 */
export function embedding(weight: Tensor, index: Tensor): Tensor {
  checkTensor('embedding', 'weight', weight);
  checkTensor('embedding', 'index', index);
  return dispatchOne('indexSelect', [weight, index], { dim: 0 });
}
