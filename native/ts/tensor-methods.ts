/**
 * The operations of `ops` as methods, with the tensor as their first argument. What each computes stands with the
 * function of the same name.
 */

import type { LinearOptions } from './ops/convolution.ts';
import * as ops from './ops/index.ts';
import type { PadOptions } from './ops/joining.ts';
import type { Operand } from './ops/promotion.ts';
import type { ReduceOptions, TopkOptions } from './ops/reduction.ts';
import type { Tensor } from './tensor.ts';
import type { Dims, Shape } from './types.ts';

export abstract class TensorMethods {
  // ---- arithmetic and comparison: broadcasting, promoting --------------------------------------------------

  /** {@link ops.add} */
  add(this: Tensor, other: Operand): Tensor {
    return ops.add(this, other);
  }

  /** {@link ops.sub} */
  sub(this: Tensor, other: Operand): Tensor {
    return ops.sub(this, other);
  }

  /** {@link ops.mul} */
  mul(this: Tensor, other: Operand): Tensor {
    return ops.mul(this, other);
  }

  /** {@link ops.div} */
  div(this: Tensor, other: Operand): Tensor {
    return ops.div(this, other);
  }

  /** {@link ops.floorDivide} */
  floorDivide(this: Tensor, other: Operand): Tensor {
    return ops.floorDivide(this, other);
  }

  /** {@link ops.remainder} */
  remainder(this: Tensor, other: Operand): Tensor {
    return ops.remainder(this, other);
  }

  /** {@link ops.pow} */
  pow(this: Tensor, other: Operand): Tensor {
    return ops.pow(this, other);
  }

  /** {@link ops.maximum} */
  maximum(this: Tensor, other: Operand): Tensor {
    return ops.maximum(this, other);
  }

  /** {@link ops.minimum} */
  minimum(this: Tensor, other: Operand): Tensor {
    return ops.minimum(this, other);
  }

  /** {@link ops.eq} */
  eq(this: Tensor, other: Operand): Tensor {
    return ops.eq(this, other);
  }

  /** {@link ops.ne} */
  ne(this: Tensor, other: Operand): Tensor {
    return ops.ne(this, other);
  }

  /** {@link ops.lt} */
  lt(this: Tensor, other: Operand): Tensor {
    return ops.lt(this, other);
  }

  /** {@link ops.le} */
  le(this: Tensor, other: Operand): Tensor {
    return ops.le(this, other);
  }

  /** {@link ops.gt} */
  gt(this: Tensor, other: Operand): Tensor {
    return ops.gt(this, other);
  }

  /** {@link ops.ge} */
  ge(this: Tensor, other: Operand): Tensor {
    return ops.ge(this, other);
  }

  /** {@link ops.logicalAnd} */
  logicalAnd(this: Tensor, other: Operand): Tensor {
    return ops.logicalAnd(this, other);
  }

  /** {@link ops.logicalOr} */
  logicalOr(this: Tensor, other: Operand): Tensor {
    return ops.logicalOr(this, other);
  }

  // ---- functions of each element ---------------------------------------------------------------------------

  /** {@link ops.relu} */
  relu(this: Tensor): Tensor {
    return ops.relu(this);
  }

  /** {@link ops.silu} */
  silu(this: Tensor): Tensor {
    return ops.silu(this);
  }

  /** {@link ops.sigmoid} */
  sigmoid(this: Tensor): Tensor {
    return ops.sigmoid(this);
  }

  /** {@link ops.tanh} */
  tanh(this: Tensor): Tensor {
    return ops.tanh(this);
  }

  /** {@link ops.erf} */
  erf(this: Tensor): Tensor {
    return ops.erf(this);
  }

  /** {@link ops.exp} */
  exp(this: Tensor): Tensor {
    return ops.exp(this);
  }

  /** {@link ops.log} */
  log(this: Tensor): Tensor {
    return ops.log(this);
  }

  /** {@link ops.sqrt} */
  sqrt(this: Tensor): Tensor {
    return ops.sqrt(this);
  }

  /** {@link ops.rsqrt} */
  rsqrt(this: Tensor): Tensor {
    return ops.rsqrt(this);
  }

  /** {@link ops.reciprocal} */
  reciprocal(this: Tensor): Tensor {
    return ops.reciprocal(this);
  }

  /** {@link ops.abs} */
  abs(this: Tensor): Tensor {
    return ops.abs(this);
  }

  /** {@link ops.neg} */
  neg(this: Tensor): Tensor {
    return ops.neg(this);
  }

  /** {@link ops.square} */
  square(this: Tensor): Tensor {
    return ops.square(this);
  }

  /** {@link ops.sign} */
  sign(this: Tensor): Tensor {
    return ops.sign(this);
  }

  /** {@link ops.floor} */
  floor(this: Tensor): Tensor {
    return ops.floor(this);
  }

  /** {@link ops.ceil} */
  ceil(this: Tensor): Tensor {
    return ops.ceil(this);
  }

  /** {@link ops.round} */
  round(this: Tensor): Tensor {
    return ops.round(this);
  }

  /** {@link ops.sin} */
  sin(this: Tensor): Tensor {
    return ops.sin(this);
  }

  /** {@link ops.cos} */
  cos(this: Tensor): Tensor {
    return ops.cos(this);
  }

  /** {@link ops.selu} */
  selu(this: Tensor): Tensor {
    return ops.selu(this);
  }

  /** {@link ops.mish} */
  mish(this: Tensor): Tensor {
    return ops.mish(this);
  }

  /** {@link ops.hardSigmoid} */
  hardSigmoid(this: Tensor): Tensor {
    return ops.hardSigmoid(this);
  }

  /** {@link ops.hardSwish} */
  hardSwish(this: Tensor): Tensor {
    return ops.hardSwish(this);
  }

  /** {@link ops.logicalNot} */
  logicalNot(this: Tensor): Tensor {
    return ops.logicalNot(this);
  }

  /** {@link ops.isNaN} */
  isNaN(this: Tensor): Tensor {
    return ops.isNaN(this);
  }

  /** {@link ops.gelu} */
  gelu(this: Tensor, options?: { readonly approximate?: 'none' | 'tanh' | undefined }): Tensor {
    return ops.gelu(this, options);
  }

  /** {@link ops.clamp} */
  clamp(this: Tensor, low: number, high?: number): Tensor {
    return ops.clamp(this, low, high);
  }

  /** {@link ops.leakyRelu} */
  leakyRelu(this: Tensor, negativeSlope?: number): Tensor {
    return ops.leakyRelu(this, negativeSlope);
  }

  /** {@link ops.elu} */
  elu(this: Tensor, alpha?: number): Tensor {
    return ops.elu(this, alpha);
  }

  /** {@link ops.softplus} */
  softplus(
    this: Tensor,
    options?: { readonly beta?: number | undefined; readonly threshold?: number | undefined },
  ): Tensor {
    return ops.softplus(this, options);
  }

  /** `this` where `condition` (u8) is not 0, else `other`: {@link ops.where} */
  where(this: Tensor, condition: Tensor, other: Operand): Tensor {
    return ops.where(condition, this, other);
  }

  // ---- reductions: over all dimensions unless told which ---------------------------------------------------

  /** {@link ops.sum} */
  sum(this: Tensor, dims?: Dims, options?: ReduceOptions): Tensor {
    return ops.sum(this, dims, options);
  }

  /** {@link ops.mean} */
  mean(this: Tensor, dims?: Dims, options?: ReduceOptions): Tensor {
    return ops.mean(this, dims, options);
  }

  /** {@link ops.max} */
  max(this: Tensor, dims?: Dims, options?: ReduceOptions): Tensor {
    return ops.max(this, dims, options);
  }

  /** {@link ops.min} */
  min(this: Tensor, dims?: Dims, options?: ReduceOptions): Tensor {
    return ops.min(this, dims, options);
  }

  /** {@link ops.prod} */
  prod(this: Tensor, dims?: Dims, options?: ReduceOptions): Tensor {
    return ops.prod(this, dims, options);
  }

  /** {@link ops.any} */
  any(this: Tensor, dims?: Dims, options?: ReduceOptions): Tensor {
    return ops.any(this, dims, options);
  }

  /** {@link ops.all} */
  all(this: Tensor, dims?: Dims, options?: ReduceOptions): Tensor {
    return ops.all(this, dims, options);
  }

  /** {@link ops.variance} */
  variance(
    this: Tensor,
    dims?: Dims,
    options?: ReduceOptions & { readonly correction?: number | undefined },
  ): Tensor {
    return ops.variance(this, dims, options);
  }

  /** {@link ops.argmax} */
  argmax(this: Tensor, dim?: number, options?: ReduceOptions): Tensor {
    return ops.argmax(this, dim, options);
  }

  /** {@link ops.argmin} */
  argmin(this: Tensor, dim?: number, options?: ReduceOptions): Tensor {
    return ops.argmin(this, dim, options);
  }

  /** {@link ops.topk} */
  topk(
    this: Tensor,
    k: number,
    options?: TopkOptions,
  ): { readonly values: Tensor; readonly indices: Tensor } {
    return ops.topk(this, k, options);
  }

  /** {@link ops.softmax} */
  softmax(this: Tensor, dim?: number): Tensor {
    return ops.softmax(this, dim);
  }

  /** {@link ops.logSoftmax} */
  logSoftmax(this: Tensor, dim?: number): Tensor {
    return ops.logSoftmax(this, dim);
  }

  // ---- matrix products -------------------------------------------------------------------------------------

  /** {@link ops.matmul} */
  matmul(this: Tensor, other: Tensor): Tensor {
    return ops.matmul(this, other);
  }

  /** {@link ops.linear} */
  linear(this: Tensor, weight: Tensor, options?: LinearOptions): Tensor {
    return ops.linear(this, weight, options);
  }

  // ---- shape -----------------------------------------------------------------------------------------------

  /** {@link ops.reshape} */
  reshape(this: Tensor, shape: Shape): Tensor {
    return ops.reshape(this, shape);
  }

  /** The same as {@link ops.reshape}. */
  view(this: Tensor, shape: Shape): Tensor {
    return ops.reshape(this, shape);
  }

  /** {@link ops.flatten} */
  flatten(this: Tensor, startDim?: number, endDim?: number): Tensor {
    return ops.flatten(this, startDim, endDim);
  }

  /** {@link ops.unflatten} */
  unflatten(this: Tensor, dim: number, sizes: Shape): Tensor {
    return ops.unflatten(this, dim, sizes);
  }

  /** {@link ops.transpose} */
  transpose(this: Tensor, dim0: number, dim1: number): Tensor {
    return ops.transpose(this, dim0, dim1);
  }

  /** {@link ops.permute} */
  permute(this: Tensor, order: readonly number[]): Tensor {
    return ops.permute(this, order);
  }

  /** {@link ops.unsqueeze} */
  unsqueeze(this: Tensor, dim: number): Tensor {
    return ops.unsqueeze(this, dim);
  }

  /** {@link ops.squeeze} */
  squeeze(this: Tensor, dim?: number | readonly number[]): Tensor {
    return ops.squeeze(this, dim);
  }

  /** {@link ops.expand} */
  expand(this: Tensor, shape: Shape): Tensor {
    return ops.expand(this, shape);
  }

  /** {@link ops.slice} */
  slice(this: Tensor, dim: number, start?: number, end?: number, step?: number): Tensor {
    return ops.slice(this, dim, start, end, step);
  }

  /** {@link ops.narrow} */
  narrow(this: Tensor, dim: number, start: number, length: number): Tensor {
    return ops.narrow(this, dim, start, length);
  }

  /** {@link ops.select} */
  select(this: Tensor, dim: number, index: number): Tensor {
    return ops.select(this, dim, index);
  }

  /** {@link ops.split} */
  split(this: Tensor, sizes: number | readonly number[], dim?: number): Tensor[] {
    return ops.split(this, sizes, dim);
  }

  /** {@link ops.chunk} */
  chunk(this: Tensor, chunks: number, dim?: number): Tensor[] {
    return ops.chunk(this, chunks, dim);
  }

  /** {@link ops.pad} */
  pad(this: Tensor, amounts: readonly number[], options?: PadOptions): Tensor {
    return ops.pad(this, amounts, options);
  }

  // ---- picking by index ------------------------------------------------------------------------------------

  /** {@link ops.gather} */
  gather(this: Tensor, dim: number, index: Tensor): Tensor {
    return ops.gather(this, dim, index);
  }

  /** {@link ops.indexSelect} */
  indexSelect(this: Tensor, dim: number, index: Tensor): Tensor {
    return ops.indexSelect(this, dim, index);
  }
}
