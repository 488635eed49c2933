import { ops, type Tensor } from '@fusor/native';
import type { Call, OperatorTable } from '../call.ts';
import { indices, range } from './shared.ts';

type Reduce = (x: Tensor, dims: number[], keepDims: boolean) => Tensor;

/**
 * The axes are an attribute in older operator sets and an input in newer ones; none at all means all of them, unless
 * `noop_with_empty_axes` says that it means none.
 */
const reduction =
  (reduce: Reduce) =>
  async (call: Call): Promise<Tensor> => {
    const x = call.input(0);
    const given = await call.attributeOrInput('axes', 1);
    if ((given === undefined || given.length === 0) && call.flag('noop_with_empty_axes')) return x;
    const dims = given === undefined || given.length === 0 ? range(x.shape.length) : given;
    return reduce(x, dims, call.flag('keepdims', true));
  };

/** The sum of small integers is i64 here and keeps their type in ONNX. */
const sum: Reduce = (x, dims, keepDims) => ops.sum(x, dims, { keepDims }).to(x.dtype);

/** log Σ exp(x), with the greatest element taken out first so that nothing overflows. */
const logSumExp: Reduce = (x, dims, keepDims) => {
  const greatest = ops.max(x, dims, { keepDims: true });
  const total = ops.log(ops.sum(ops.exp(ops.sub(x, greatest)), dims, { keepDims: true }));
  const result = ops.add(total, greatest);
  return keepDims ? result : ops.sum(result, dims);
};

const extreme =
  (least: boolean) =>
  (call: Call): Tensor => {
    const x = call.input(0);
    const dim = call.axis(call.integer('axis', 0));
    const keepDims = call.flag('keepdims', true);
    const find = (from: Tensor) =>
      least ? ops.argmin(from, dim, { keepDims }) : ops.argmax(from, dim, { keepDims });
    if (!call.flag('select_last_index')) return find(x);
    // The last of the greatest is the first of them from behind.
    const size = x.shape[dim]!;
    const found = find(ops.indexSelect(x, dim, indices(range(size).toReversed())));
    return ops.sub(size - 1, found);
  };

export const reductions: OperatorTable = {
  ReduceSum: reduction(sum),
  ReduceMean: reduction((x, dims, keepDims) => ops.mean(x, dims, { keepDims })),
  ReduceMax: reduction((x, dims, keepDims) => ops.max(x, dims, { keepDims })),
  ReduceMin: reduction((x, dims, keepDims) => ops.min(x, dims, { keepDims })),
  ReduceProd: reduction((x, dims, keepDims) => ops.prod(x, dims, { keepDims }).to(x.dtype)),
  ReduceL1: reduction((x, dims, keep) => sum(ops.abs(x), dims, keep)),
  ReduceL2: reduction((x, dims, keep) => ops.sqrt(sum(ops.square(x), dims, keep))),
  ReduceSumSquare: reduction((x, dims, keep) => sum(ops.square(x), dims, keep)),
  ReduceLogSum: reduction((x, dims, keep) => ops.log(sum(x, dims, keep))),
  ReduceLogSumExp: reduction(logSumExp),
  ArgMax: extreme(false),
  ArgMin: extreme(true),
  TopK: async (call) => {
    const x = call.input(0);
    const k = call.integer('k') ?? (await call.numbers(1))![0]!;
    const { values, indices } = ops.topk(x, k, {
      dim: call.axis(call.integer('axis', -1)),
      largest: call.flag('largest', true),
      sorted: call.flag('sorted', true),
    });
    return [values, indices];
  },
};
