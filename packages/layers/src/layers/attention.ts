import { ArgumentError, ShapeError } from '@fusor/errors';
import { ops, scope, type Tensor } from '@fusor/native';
import { checkInteger, checkNumber, repr } from '../arguments.ts';
import { xavierUniform, zeros } from '../init/index.ts';
import { Module } from '../module/module.ts';
import { Dropout } from './dropout.ts';
import { Linear } from './linear.ts';

/** Options of {@link MultiheadAttention}; the defaults are PyTorch's. */
export interface MultiheadAttentionOptions {
  /** Probability of dropping an attention weight in training mode; default 0. */
  readonly dropout?: number;
  /** Whether the projections have biases; default `true`. */
  readonly bias?: boolean;
  /** Features of the keys; default `features`. */
  readonly keyFeatures?: number;
  /** Features of the values; default `features`. */
  readonly valueFeatures?: number;
  /** Whether tensors are [n, l, features] rather than [l, n, features]; default `false`. */
  readonly batchFirst?: boolean;
}

/** Options of one call of {@link MultiheadAttention}. */
export interface AttentionOptions {
  /** Added to the scores if f32; if u8, not 0 where attention is not allowed. [l, s] or [n · heads, l, s]. */
  readonly mask?: Tensor;
  /** u8 [n, s]: not 0 at keys that are padding. */
  readonly keyPaddingMask?: Tensor;
  /** Whether the attention weights are returned; default `true`. */
  readonly needWeights?: boolean;
  /** Whether they are averaged over the heads; default `true`. */
  readonly averageWeights?: boolean;
}

/**
 * softmax(Q Kᵀ / √d) V for each of several heads of d = features / heads, with Q, K, V linear projections of query, key
 * and value, and a linear projection of the heads side by side.
 *
 * query [l, n, features], key [s, n, keyFeatures], value [s, n, valueFeatures] (or [n, l, …] with batchFirst, or
 * without n) → [output like query, weights [n, l, s] or [n, heads, l, s] or null]. Without key and value it is
 * self-attention.
 *
 * Vaswani et al., Attention is all you need, https://arxiv.org/abs/1706.03762;
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
 */
export class MultiheadAttention extends Module<
  readonly [output: Tensor, weights: Tensor | null],
  [query: Tensor, key?: Tensor, value?: Tensor, options?: AttentionOptions]
> {
  readonly features: number;
  readonly heads: number;
  readonly batchFirst: boolean;
  // The parameters are called as they are in PyTorch's state dicts: one weight for all three projections where they
  // take equally many features, else one each.
  in_proj_weight: Tensor | null;
  q_proj_weight: Tensor | null;
  k_proj_weight: Tensor | null;
  v_proj_weight: Tensor | null;
  in_proj_bias: Tensor | null;
  out_proj: Linear;
  readonly #dropout: number;

  constructor(features: number, heads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const {
      dropout = 0,
      bias = true,
      keyFeatures = features,
      valueFeatures = features,
      batchFirst = false,
    } = options;
    this.features = checkInteger('MultiheadAttention', 'features', features);
    this.heads = checkInteger('MultiheadAttention', 'heads', heads);
    if (features % heads !== 0) {
      throw new ArgumentError(
        `MultiheadAttention: features (${features}) must be divisible by heads (${heads})`,
      );
    }
    checkInteger('MultiheadAttention', 'keyFeatures', keyFeatures);
    checkInteger('MultiheadAttention', 'valueFeatures', valueFeatures);
    this.batchFirst = batchFirst;
    this.#dropout = checkNumber('MultiheadAttention', 'dropout', dropout, 0, 1);
    const joint = keyFeatures === features && valueFeatures === features;
    this.in_proj_weight = joint ? xavierUniform([3 * features, features]) : null;
    this.q_proj_weight = joint ? null : xavierUniform([features, features]);
    this.k_proj_weight = joint ? null : xavierUniform([features, keyFeatures]);
    this.v_proj_weight = joint ? null : xavierUniform([features, valueFeatures]);
    this.in_proj_bias = bias ? zeros([3 * features]) : null;
    this.out_proj = new Linear(features, features, { bias });
    if (this.out_proj.bias !== null) zeros(this.out_proj.bias);
  }

  override extraRepr(): string {
    return repr([this.features, this.heads], { batchFirst: this.batchFirst });
  }

  override forward(
    query: Tensor,
    key: Tensor = query,
    value: Tensor = key,
    options: AttentionOptions = {},
  ): readonly [output: Tensor, weights: Tensor | null] {
    const ranks = new Set([query.rank, key.rank, value.rank]);
    if (ranks.size !== 1 || (query.rank !== 2 && query.rank !== 3)) {
      throw new ShapeError(
        `MultiheadAttention: query, key and value must all have 3 dimensions or all 2 (without batch), got ` +
          `[${query.shape.join(', ')}], [${key.shape.join(', ')}], [${value.shape.join(', ')}]`,
      );
    }
    return scope(() => {
      const [output, weights] = this.#attend(
        this.#batchFirst(query),
        key === query ? undefined : this.#batchFirst(key),
        value === key ? undefined : this.#batchFirst(value),
        options,
      );
      const projected = this.out_proj.forward(output);
      if (query.rank === 2)
        return [projected.squeeze(0), weights === null ? null : weights.squeeze(0)] as const;
      return [this.batchFirst ? projected : projected.transpose(0, 1), weights] as const;
    });
  }

  /** [n, l, features], whatever the layout of the inputs. */
  #batchFirst(x: Tensor): Tensor {
    if (x.rank === 2) return x.unsqueeze(0);
    return this.batchFirst ? x : x.transpose(0, 1);
  }

  #attend(
    query: Tensor,
    key: Tensor | undefined,
    value: Tensor | undefined,
    { mask, keyPaddingMask, needWeights = true, averageWeights = true }: AttentionOptions,
  ): [output: Tensor, weights: Tensor | null] {
    const { heads, features } = this;
    const [q, k, v] = this.#project(query, key, value);
    const [n, l, s] = [q.shape[0]!, q.shape[1]!, k.shape[1]!];
    // [n, l, features] → [n, heads, l, d]
    const split = (x: Tensor): Tensor => x.reshape([n, x.shape[1]!, heads, features / heads]).transpose(1, 2);
    const scaled = split(q).mul(1 / Math.sqrt(features / heads));
    let scores = scaled.matmul(split(k).transpose(2, 3));
    if (mask !== undefined) {
      const shaped = mask.rank === 3 ? mask.reshape([n, heads, l, s]) : mask;
      scores = exclude(scores, shaped);
    }
    if (keyPaddingMask !== undefined) scores = exclude(scores, keyPaddingMask.reshape([n, 1, 1, s]));
    const weights = scores.softmax(-1);
    const dropout = new Dropout(this.#dropout).train(this.training);
    const attended = dropout.forward(weights).matmul(split(v)).transpose(1, 2).reshape([n, l, features]);
    if (!needWeights) return [attended, null];
    return [attended, averageWeights ? weights.mean(1) : weights];
  }

  /** Q, K and V; in self-attention by one product. */
  #project(query: Tensor, key: Tensor | undefined, value: Tensor | undefined): [Tensor, Tensor, Tensor] {
    const { features, in_proj_weight: joint, in_proj_bias: bias } = this;
    if (joint !== null && key === undefined && value === undefined) {
      const [q, k, v] = ops.linear(query, joint, { bias }).split(features, -1);
      return [q!, k!, v!];
    }
    const inputs = [query, key ?? query, value ?? key ?? query];
    const weights =
      joint === null
        ? [this.q_proj_weight!, this.k_proj_weight!, this.v_proj_weight!]
        : joint.split(features, 0);
    const biases = bias?.split(features, 0);
    const [q, k, v] = inputs.map((x, index) => ops.linear(x, weights[index]!, { bias: biases?.[index] }));
    return [q!, k!, v!];
  }
}

/** Scores plus a mask of numbers, or −∞ where a mask of u8 is not 0. */
function exclude(scores: Tensor, mask: Tensor): Tensor {
  return mask.dtype === 'u8' ? ops.where(mask, Number.NEGATIVE_INFINITY, scores) : scores.add(mask);
}
