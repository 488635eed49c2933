import { at, generate, type NdArray } from './array.ts';

export function permute(x: NdArray, order: readonly number[]): NdArray {
  return generate(
    order.map((dim) => x.shape[dim]!),
    (index) => {
      const source = new Array<number>(order.length);
      for (const [to, from] of order.entries()) source[from] = index[to]!;
      return at(x, source);
    },
  );
}

export function slice(x: NdArray, dim: number, start: number, end: number, step: number): NdArray {
  const length = Math.max(Math.ceil((end - start) / step), 0);
  return generate(
    x.shape.map((extent, i) => (i === dim ? length : extent)),
    (index) =>
      at(
        x,
        index.map((position, i) => (i === dim ? start + position * step : position)),
      ),
  );
}

export function pad(
  x: NdArray,
  before: readonly number[],
  after: readonly number[],
  mode: 'constant' | 'reflect' | 'replicate',
  value: number,
): NdArray {
  return generate(
    x.shape.map((extent, dim) => extent + before[dim]! + after[dim]!),
    (index) => {
      let outside = false;
      const source = index.map((position, dim) => {
        const extent = x.shape[dim]!;
        let i = position - before[dim]!;
        if (i >= 0 && i < extent) return i;
        outside = true;
        if (mode === 'reflect') i = i < 0 ? -i : 2 * (extent - 1) - i;
        return Math.min(Math.max(i, 0), extent - 1);
      });
      return outside && mode === 'constant' ? value : at(x, source);
    },
  );
}

export function concat(arrays: readonly NdArray[], dim: number): NdArray {
  const shape = [...arrays[0]!.shape];
  shape[dim] = arrays.reduce((sum, array) => sum + array.shape[dim]!, 0);
  return generate(shape, (index) => {
    let position = index[dim]!;
    let which = 0;
    while (position >= arrays[which]!.shape[dim]!) position -= arrays[which++]!.shape[dim]!;
    return at(
      arrays[which]!,
      index.map((i, d) => (d === dim ? position : i)),
    );
  });
}

export function gather(x: NdArray, dim: number, index: NdArray): NdArray {
  return generate(index.shape, (position) =>
    at(
      x,
      position.map((i, d) => (d === dim ? at(index, position) : i)),
    ),
  );
}

export function indexSelect(x: NdArray, dim: number, index: NdArray): NdArray {
  const shape = [...x.shape.slice(0, dim), ...index.shape, ...x.shape.slice(dim + 1)];
  const rank = index.shape.length;
  return generate(shape, (position) => {
    const chosen = at(index, position.slice(dim, dim + rank));
    return at(x, [...position.slice(0, dim), chosen, ...position.slice(dim + rank)]);
  });
}
