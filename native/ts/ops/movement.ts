import { ArgumentError, ShapeError } from '@fusor/errors';
import { checkDim, checkInteger, checkIntegers, checkTensor, show, showShape, wrongType } from '../check.ts';
import { dispatchOne } from '../dispatch.ts';
import { retain, type Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import { elementCount } from '../values.ts';

/**
 * The same elements in another shape. One size may be -1: it follows from the others. A view where the strides allow it,
 * else a copy. https://docs.pytorch.org/docs/stable/generated/torch.reshape.html
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensor('reshape', 'x', x);
  return dispatchOne('reshape', [x], { shape: resolveShape(x, checkIntegers('reshape', 'shape', shape)) });
}

function resolveShape(x: Tensor, shape: Shape): Shape {
  const free = shape.indexOf(-1);
  if (free < 0) return shape;
  const given = elementCount(shape.filter((_, dim) => dim !== free));
  const total = elementCount(x.shape);
  if (shape.lastIndexOf(-1) !== free) {
    throw new ArgumentError(`reshape: only one size of shape ${showShape(shape)} may be -1`);
  }
  if (given <= 0 || total % given !== 0) {
    throw new ShapeError(
      `reshape: ${total} elements of shape ${showShape(x.shape)} do not fill shape ${showShape(shape)}, whatever -1 stands for`,
    );
  }
  return shape.map((size, dim) => (dim === free ? total / given : size));
}

/**
 * Dimensions `startDim` to `endDim` joined into one; a rank 0 tensor becomes `[1]`.
 * https://docs.pytorch.org/docs/stable/generated/torch.flatten.html
 */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  checkTensor('flatten', 'x', x);
  const first = checkDim('flatten', 'startDim', startDim, x.rank);
  const last = checkDim('flatten', 'endDim', endDim, x.rank);
  if (first > last) throw new ArgumentError(`flatten: startDim ${startDim} comes after endDim ${endDim}`);
  const joined = elementCount(x.shape.slice(first, last + 1));
  return reshape(x, [...x.shape.slice(0, first), joined, ...x.shape.slice(last + 1)]);
}

/** Dimension `dim` split into the given sizes (one may be -1). https://docs.pytorch.org/docs/stable/generated/torch.unflatten.html */
export function unflatten(x: Tensor, dim: number, sizes: Shape): Tensor {
  checkTensor('unflatten', 'x', x);
  const at = checkDim('unflatten', 'dim', dim, x.rank);
  return reshape(x, [
    ...x.shape.slice(0, at),
    ...checkIntegers('unflatten', 'sizes', sizes),
    ...x.shape.slice(at + 1),
  ]);
}

/**
 * Dimension `i` of the result is dimension `order[i]` of `x`: a view.
 * https://docs.pytorch.org/docs/stable/generated/torch.permute.html
 */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  checkTensor('permute', 'x', x);
  const dims = checkIntegers('permute', 'order', order).map((dim) => checkDim('permute', 'dim', dim, x.rank));
  return dispatchOne('permute', [x], { order: dims });
}

/** Two dimensions swapped: a view. https://docs.pytorch.org/docs/stable/generated/torch.transpose.html */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  checkTensor('transpose', 'x', x);
  const a = checkDim('transpose', 'dim0', dim0, x.rank);
  const b = checkDim('transpose', 'dim1', dim1, x.rank);
  const order = x.shape.map((_, dim) => (dim === a ? b : dim === b ? a : dim));
  return dispatchOne('permute', [x], { order });
}

/**
 * `x[start:end:step]` along one dimension, as in Python: negative bounds count from the end, those beyond it are cut off;
 * `step` is at least 1. A view.
 */
export function slice(x: Tensor, dim: number, start = 0, end?: number, step = 1): Tensor {
  checkTensor('slice', 'x', x);
  const at = checkDim('slice', 'dim', dim, x.rank);
  if (x.rank === 0) throw new ShapeError('slice: a rank 0 tensor has no dimension to slice');
  const size = x.shape[at]!;
  const first = clampIndex(checkInteger('slice', 'start', start), size);
  const last = Math.max(first, clampIndex(checkInteger('slice', 'end', end ?? size), size));
  checkInteger('slice', 'step', step);
  return sliceDimension(x, at, first, last, step);
}

function clampIndex(index: number, size: number): number {
  return Math.min(Math.max(index < 0 ? index + size : index, 0), size);
}

function sliceDimension(x: Tensor, at: number, first: number, last: number, step: number): Tensor {
  return dispatchOne('slice', [x], {
    start: x.shape.map((_, dim) => (dim === at ? first : 0)),
    end: x.shape.map((size, dim) => (dim === at ? last : size)),
    step: x.shape.map((_, dim) => (dim === at ? step : 1)),
  });
}

/**
 * `length` elements from `start` on along one dimension, all of which must exist: a view.
 * https://docs.pytorch.org/docs/stable/generated/torch.narrow.html
 */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  checkTensor('narrow', 'x', x);
  const at = checkDim('narrow', 'dim', dim, x.rank);
  if (x.rank === 0) throw new ShapeError('narrow: a rank 0 tensor has no dimension to narrow');
  const size = x.shape[at]!;
  checkInteger('narrow', 'start', start);
  checkInteger('narrow', 'length', length);
  const first = start < 0 ? start + size : start;
  if (first < 0 || length < 0 || first + length > size) {
    throw new ShapeError(
      `narrow: ${length} elements from ${start} on do not lie in dimension ${at} of size ${size}`,
    );
  }
  return sliceDimension(x, at, first, first + length, 1);
}

/** One index of a dimension, which goes away: a view. https://docs.pytorch.org/docs/stable/generated/torch.select.html */
export function select(x: Tensor, dim: number, index: number): Tensor {
  checkTensor('select', 'x', x);
  const at = checkDim('select', 'dim', dim, x.rank);
  if (x.rank === 0) throw new ShapeError('select: a rank 0 tensor has no dimension to select from');
  const size = x.shape[at]!;
  const position = checkInteger('select', 'index', index) < 0 ? index + size : index;
  if (position < 0 || position >= size) {
    throw new ShapeError(`select: index ${index} is out of range for dimension ${at} of size ${size}`);
  }
  const row = sliceDimension(x, at, position, position + 1, 1);
  try {
    return reshape(row, withoutDimension(x.shape, at));
  } finally {
    row.dispose();
  }
}

function withoutDimension(shape: Shape, at: number): number[] {
  return shape.filter((_, dim) => dim !== at);
}

/** A dimension of size 1 put in at `dim`: a view. https://docs.pytorch.org/docs/stable/generated/torch.unsqueeze.html */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  checkTensor('unsqueeze', 'x', x);
  const at = checkDim('unsqueeze', 'dim', dim, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/**
 * Dimension `dim` (each of several, or all) taken away if its size is 1, else left: a view.
 * https://docs.pytorch.org/docs/stable/generated/torch.squeeze.html
 */
export function squeeze(x: Tensor, dim?: number | readonly number[]): Tensor {
  checkTensor('squeeze', 'x', x);
  if (dim === undefined)
    return reshape(
      x,
      x.shape.filter((size) => size !== 1),
    );
  const list = typeof dim === 'number' ? [dim] : checkIntegers('squeeze', 'dim', dim);
  const dims = new Set(list.map((item) => checkDim('squeeze', 'dim', item, x.rank)));
  return reshape(
    x,
    x.shape.filter((size, at) => size !== 1 || !dims.has(at)),
  );
}

/**
 * Dimensions of size 1 repeated to the sizes of `shape`, without copying: a view. New dimensions may be put in front; -1
 * leaves a size as it is. https://docs.pytorch.org/docs/stable/generated/torch.Tensor.expand.html
 */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkTensor('expand', 'x', x);
  const added = checkIntegers('expand', 'shape', shape).length - x.rank;
  return dispatchOne('expand', [x], {
    shape: shape.map((size, dim) => {
      if (size !== -1) return size;
      if (dim >= added) return x.shape[dim - added]!;
      throw new ArgumentError(
        `expand: size -1 has no size of x ${showShape(x.shape)} to stand for in ${showShape(shape)}`,
      );
    }),
  });
}

/**
 * Parts of `size` along a dimension (the last may be smaller), or parts of the given sizes: views.
 * https://docs.pytorch.org/docs/stable/generated/torch.split.html
 */
export function split(x: Tensor, sizes: number | readonly number[], dim = 0): Tensor[] {
  checkTensor('split', 'x', x);
  const at = checkDim('split', 'dim', dim, x.rank);
  if (x.rank === 0) throw new ShapeError('split: a rank 0 tensor has no dimension to split');
  const total = x.shape[at]!;
  let lengths: number[];
  if (typeof sizes === 'number') {
    const size = checkInteger('split', 'sizes', sizes);
    if (size < 1) throw new ArgumentError(`split: sizes must be at least 1, got ${size}`);
    const count = Math.max(Math.ceil(total / size), 1);
    lengths = Array.from({ length: count }, (_, part) => Math.min(size, total - part * size));
  } else {
    lengths = [...checkIntegers('split', 'sizes', sizes)];
    const sum = lengths.reduce((a, b) => a + b, 0);
    if (sum !== total || lengths.some((length) => length < 0)) {
      throw new ShapeError(`split: sizes ${show(sizes)} do not add up to dimension ${at} of size ${total}`);
    }
  }
  let start = 0;
  return lengths.map((length) => {
    const part = sliceDimension(x, at, start, start + length, 1);
    start += length;
    return part;
  });
}

/**
 * At most `chunks` parts of equal size (the last may be smaller) along a dimension: views.
 * https://docs.pytorch.org/docs/stable/generated/torch.chunk.html
 */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  checkTensor('chunk', 'x', x);
  const at = checkDim('chunk', 'dim', dim, x.rank);
  if (checkInteger('chunk', 'chunks', chunks) < 1) throw wrongType('chunk', 'chunks', 'at least 1', chunks);
  return split(x, Math.max(Math.ceil((x.shape[at] ?? 1) / chunks), 1), dim);
}

/** The tensor itself under a second name. */
export function identity(x: Tensor): Tensor {
  return retain(checkTensor('identity', 'x', x));
}
