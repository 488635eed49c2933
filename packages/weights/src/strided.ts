// Copies a strided view of a storage into contiguous memory, without holding the storage.
//
// Dimensions are put in the order of the storage (largest source stride first), so the storage is read once, front to
// back, in slices; each slice is then taken in the order of the result, because a slice stays in the second-level
// cache while the result does not. A transposed matrix thus costs one pass over the file, one slice of memory beside
// the result, and writes in runs as long as the slice has rows.
import { allocate } from './dtypes.ts';
import { Pacer } from './pacer.ts';
import { contiguousStrides } from './sizes.ts';

// One slice: at most this many bytes of the storage and this many elements of the result, so that a slice stays near
// 1 ms on the main thread (2 to 8 ns an element, the most when the result's pages are touched for the first time) and
// fits a second-level cache.
const SLICE_BYTES = 512 << 10;
const SLICE_ELEMENTS = 1 << 17;

/** A view of a storage: element [i, j, ...] lies at offset + i * strides[0] + j * strides[1] + ... */
export interface StridedView {
  readonly shape: readonly number[];
  /** In elements, none negative. */
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
}

interface Dimension {
  readonly size: number;
  /** Strides in units of what is copied at once, in the storage and in the result. */
  readonly from: number;
  readonly to: number;
}

/** Elements of the storage that a view reaches, from its start to one past its last element; 0 when empty. */
export function reachOf(view: StridedView): number {
  if (view.shape.includes(0)) return 0;
  return view.shape.reduce((last, size, axis) => last + (size - 1) * view.strides[axis]!, view.offset) + 1;
}

/** True when the view's elements lie one after the other in row-major order. */
export function isContiguous(view: StridedView): boolean {
  if (view.shape.includes(0)) return true;
  const expected = contiguousStrides(view.shape);
  return view.shape.every((size, axis) => size === 1 || view.strides[axis] === expected[axis]);
}

/**
 * Copies a view that is neither empty nor contiguous into `destination`, which has exactly its bytes.
 * @param read fills an array with bytes of the storage, from a byte position on
 */
export async function copyStrided(
  view: StridedView,
  elementBytes: number,
  destination: Uint8Array,
  read: (position: number, into: Uint8Array) => Promise<void>,
): Promise<void> {
  const { unit, target } = unitsOf(destination, elementBytes);
  const dimensions = inStorageOrder(view, elementBytes / unit);
  const first = (view.offset * elementBytes) / unit;

  let plan = slice(dimensions, SLICE_BYTES / unit);
  // Strides that overlap on purpose can make slices that hold next to nothing, and reading them one by one would
  // take hours. Then the part of the storage that the view reaches, no more than the file has, is read at once.
  const reach = span(dimensions);
  let whole: Units | undefined;
  if (plan.slices > 8 + 4 * Math.ceil((reach * unit) / SLICE_BYTES)) {
    const buffer = allocate(reach * unit);
    await read(first * unit, new Uint8Array(buffer));
    whole = arrayOf(unit, buffer, 0, reach);
    plan = slice(dimensions, reach);
  }

  const { outer, along, inner, run } = plan;
  const scratch = allocate(whole === undefined ? span([{ ...along, size: run }, ...inner]) * unit : 0);
  const pacer = new Pacer();
  const index = new Array<number>(outer.length).fill(0);
  do {
    let from = 0;
    let to = 0;
    for (const [axis, dimension] of outer.entries()) {
      from += index[axis]! * dimension.from;
      to += index[axis]! * dimension.to;
    }
    for (let start = 0; start < along.size; start += run) {
      const block = [{ ...along, size: Math.min(run, along.size - start) }, ...inner];
      block.sort((a, b) => b.to - a.to);
      const blockFrom = from + start * along.from;
      const blockTo = to + start * along.to;
      if (whole === undefined) {
        const units = span(block);
        await read((first + blockFrom) * unit, new Uint8Array(scratch, 0, units * unit));
        scatter(block, arrayOf(unit, scratch, 0, units), 0, target, blockTo);
      } else {
        scatter(block, whole, blockFrom, target, blockTo);
      }
      if (pacer.due) await pacer.turn();
    }
  } while (advance(index, outer));
}

interface Plan {
  /** Dimensions gone through one index at a time. */
  readonly outer: readonly Dimension[];
  /** The dimension gone through in runs of `run` indices. */
  readonly along: Dimension;
  readonly run: number;
  /** Dimensions that lie whole in each slice. */
  readonly inner: readonly Dimension[];
  readonly slices: number;
}

/** Cuts the dimensions so that a slice reaches over no more than `perSlice` units of the storage. */
function slice(dimensions: readonly Dimension[], perSlice: number): Plan {
  let split = dimensions.length - 1;
  while (split > 0 && fits(dimensions.slice(split), perSlice)) split--;
  const outer = dimensions.slice(0, split);
  const along = dimensions[split]!;
  const inner = dimensions.slice(split + 1);
  const byCount = Math.floor(SLICE_ELEMENTS / count(inner));
  const bySpan = along.from === 0 ? along.size : Math.floor((perSlice - span(inner)) / along.from) + 1;
  const run = Math.max(1, Math.min(along.size, byCount, bySpan));
  return { outer, along, inner, run, slices: count(outer) * Math.ceil(along.size / run) };
}

type Units = Uint8Array | Uint16Array | Uint32Array;

function arrayOf(unit: number, buffer: ArrayBufferLike, byteOffset: number, length: number): Units {
  if (unit === 1) return new Uint8Array(buffer, byteOffset, length);
  if (unit === 2) return new Uint16Array(buffer, byteOffset, length);
  return new Uint32Array(buffer, byteOffset, length);
}

/** The largest unit of copying, 4 bytes at most (numbers, not BigInts), for which the destination is aligned. */
function unitsOf(destination: Uint8Array, elementBytes: number): { unit: number; target: Units } {
  const aligned = destination.byteOffset % Math.min(elementBytes, 4) === 0;
  const unit = aligned ? Math.min(elementBytes, 4) : 1;
  const target = arrayOf(unit, destination.buffer, destination.byteOffset, destination.length / unit);
  return { unit, target };
}

/**
 * The view's dimensions sorted by descending stride in the storage, those that lie seamlessly in both places merged.
 * An element of more than one unit becomes an innermost dimension of its units.
 */
function inStorageOrder(view: StridedView, unitsPerElement: number): Dimension[] {
  const to = contiguousStrides(view.shape);
  const dimensions: Dimension[] = view.shape
    .map((size, axis) => ({
      size,
      from: view.strides[axis]! * unitsPerElement,
      to: to[axis]! * unitsPerElement,
    }))
    .filter((dimension) => dimension.size > 1)
    .sort((a, b) => b.from - a.from || b.to - a.to);
  if (unitsPerElement > 1) dimensions.push({ size: unitsPerElement, from: 1, to: 1 });
  const merged: Dimension[] = [];
  for (const dimension of dimensions) {
    const previous = merged.at(-1);
    if (
      previous !== undefined &&
      previous.from === dimension.from * dimension.size &&
      previous.to === dimension.to * dimension.size
    ) {
      merged[merged.length - 1] = { ...dimension, size: previous.size * dimension.size };
    } else {
      merged.push(dimension);
    }
  }
  return merged;
}

function span(dimensions: readonly Dimension[]): number {
  return dimensions.reduce((last, dimension) => last + (dimension.size - 1) * dimension.from, 0) + 1;
}

function count(dimensions: readonly Dimension[]): number {
  return dimensions.reduce((product, dimension) => product * dimension.size, 1);
}

function fits(dimensions: readonly Dimension[], perSlice: number): boolean {
  return span(dimensions) <= perSlice && count(dimensions) <= SLICE_ELEMENTS;
}

/** Steps a multi-index; false when it has been everywhere. */
function advance(index: number[], dimensions: readonly Dimension[]): boolean {
  for (let axis = index.length - 1; axis >= 0; axis--) {
    index[axis] = index[axis]! + 1;
    if (index[axis]! < dimensions[axis]!.size) return true;
    index[axis] = 0;
  }
  return false;
}

/** Copies a block, its last dimension innermost. */
function scatter(
  dimensions: readonly Dimension[],
  source: Units,
  from: number,
  target: Units,
  to: number,
  axis = 0,
): void {
  const { size, from: fromStep, to: toStep } = dimensions[axis]!;
  if (axis === dimensions.length - 1) {
    for (let i = 0, s = from, t = to; i < size; i++, s += fromStep, t += toStep) target[t] = source[s]!;
    return;
  }
  for (let i = 0; i < size; i++) {
    scatter(dimensions, source, from + i * fromStep, target, to + i * toStep, axis + 1);
  }
}
