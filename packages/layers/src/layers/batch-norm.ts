import { TraceError } from '@fusor/errors';
import { type Activation, ops, Tensor } from '@fusor/native';
import { currentTracer } from '@fusor/native/trace';
import { checkInteger, checkNumber, repr } from '../arguments.ts';
import { ones, zeros } from '../init/index.ts';
import { buffer } from '../module/buffer.ts';
import { Module } from '../module/module.ts';
import { rankError } from './rank.ts';

/** Options of batch-norm layers; the defaults are PyTorch's. */
export interface BatchNormOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Share of the new batch in the running statistics; `null`: the plain average of all batches. Default 0.1. */
  readonly momentum?: number | null;
  /** Whether there are a weight and a bias; default `true`. */
  readonly affine?: boolean;
  /** `false`: no running statistics; batches are normalized by their own in inference too. Default `true`. */
  readonly trackRunningStats?: boolean;
  /** Applied to the result in the same pass over memory, after a residual is added. Default: none. */
  readonly activation?: Activation | null;
}

interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/**
 * y = (x − mean) / √(variance + eps) · weight + bias for each channel; with the options, activation(y + residual).
 *
 * In training mode mean and biased variance are the batch's, over all dimensions but the channels', and the running
 * ones move: running = (1 − momentum)·running + momentum·batch, with the unbiased variance. In inference mode the
 * running ones are used.
 *
 * Ioffe and Szegedy, Batch Normalization, https://arxiv.org/abs/1502.03167
 */
export abstract class BatchNorm extends Module {
  readonly features: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly activation: Activation | null;
  weight: Tensor | null;
  bias: Tensor | null;
  // The buffers are called as they are in PyTorch's state dicts.
  running_mean: Tensor | null;
  running_var: Tensor | null;
  num_batches_tracked: Tensor | null;

  constructor(features: number, options: BatchNormOptions = {}) {
    super();
    const layer = this.constructor.name;
    const {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      trackRunningStats = true,
      activation = null,
    } = options;
    this.features = checkInteger(layer, 'features', features);
    this.eps = checkNumber(layer, 'eps', eps, 0);
    this.momentum = momentum === null ? null : checkNumber(layer, 'momentum', momentum, 0, 1);
    this.activation = activation;
    this.weight = affine ? ones([features]) : null;
    this.bias = affine ? zeros([features]) : null;
    this.running_mean = trackRunningStats ? buffer(zeros([features])) : null;
    this.running_var = trackRunningStats ? buffer(ones([features])) : null;
    this.num_batches_tracked = trackRunningStats ? buffer(Tensor.zeros([], { dtype: 'i64' })) : null;
  }

  /** @throws {ShapeError} for an input of a rank that the layer does not take */
  protected abstract checkRank(x: Tensor): void;

  override extraRepr(): string {
    return repr([this.features], {
      eps: this.eps,
      momentum: this.momentum,
      affine: this.weight !== null,
      trackRunningStats: this.running_mean !== null,
      ...(this.activation !== null && { activation: this.activation }),
    });
  }

  /**
   * @param x [n, c, …]
   * @param residual x's shape; added before the activation. In inference mode all of it is one pass over memory.
   */
  override forward(x: Tensor, residual?: Tensor): Tensor {
    this.checkRank(x);
    const { weight, bias, eps, activation, running_mean: mean, running_var: variance } = this;
    if (mean === null || variance === null) {
      const { output, ...statistics } = this.#byBatch(x);
      disposeStatistics(statistics);
      return this.#finish(output, residual);
    }
    if (!this.training) return ops.batchNorm(x, { mean, variance, weight, bias, eps, residual, activation });
    if (currentTracer() !== undefined) {
      throw new TraceError(
        `${this.constructor.name} is in training mode, where it changes its running statistics; ` +
          'call model.eval() before it is compiled',
      );
    }
    return this.#finish(this.#train(x, { mean, variance }), residual);
  }

  /** Residual and activation as operations of their own; takes over `output`. */
  #finish(output: Tensor, residual: Tensor | undefined): Tensor {
    const { activation } = this;
    if (residual === undefined && activation === null) return output;
    const result =
      residual === undefined
        ? activate(output, activation!)
        : ops.residualAdd(output, residual, { activation });
    output.dispose();
    return result;
  }

  /** Normalizes by the batch and moves the running statistics. */
  #train(x: Tensor, running: Statistics): Tensor {
    const { weight, bias, eps, momentum } = this;
    const counter = this.num_batches_tracked!;
    replace(counter, counter.add(1));
    if (momentum !== null) {
      const result = ops.batchNorm(x, { ...running, weight, bias, eps, training: true, momentum });
      replace(running.mean, result.mean);
      replace(running.variance, result.variance);
      return result.output;
    }
    const { output, ...batch } = this.#byBatch(x);
    const count = counter.to('f32');
    replace(running.mean, average(running.mean, batch.mean, count));
    replace(running.variance, average(running.variance, batch.variance, count));
    count.dispose();
    disposeStatistics(batch);
    return output;
  }

  /** Normalizes by the batch; with momentum 1 the running statistics that come out are the batch's own. */
  #byBatch(x: Tensor): { output: Tensor } & Statistics {
    const { weight, bias, eps } = this;
    const none = Tensor.zeros([this.features], { device: x.device });
    const statistics = { mean: none, variance: none };
    const result = ops.batchNorm(x, { ...statistics, weight, bias, eps, training: true, momentum: 1 });
    none.dispose();
    return result;
  }
}

function activate(x: Tensor, activation: Activation): Tensor {
  if (activation === 'relu') return ops.relu(x);
  if (activation === 'silu') return ops.silu(x);
  if (activation === 'gelu') return ops.gelu(x);
  if (activation === 'gelu-tanh') return ops.gelu(x, { approximate: 'tanh' });
  return ops.clamp(x, ...activation.clamp);
}

function replace(target: Tensor, value: Tensor): void {
  target.assign(value);
  value.dispose();
}

/** running + (batch − running) / count: the plain average after `count` batches. */
function average(running: Tensor, batch: Tensor, count: Tensor): Tensor {
  const difference = batch.sub(running);
  const step = difference.div(count);
  const result = running.add(step);
  difference.dispose();
  step.dispose();
  return result;
}

function disposeStatistics({ mean, variance }: Statistics): void {
  mean.dispose();
  variance.dispose();
}

/**
 * {@link BatchNorm} of [n, c] or [n, c, l].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
 */
export class BatchNorm1d extends BatchNorm {
  protected override checkRank(x: Tensor): void {
    if (x.rank !== 2 && x.rank !== 3) throw rankError('BatchNorm1d', '[n, c] or [n, c, l]', x);
  }
}

/**
 * {@link BatchNorm} of [n, c, h, w].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 */
export class BatchNorm2d extends BatchNorm {
  protected override checkRank(x: Tensor): void {
    if (x.rank !== 4) throw rankError('BatchNorm2d', '[n, c, h, w]', x);
  }
}

/**
 * {@link BatchNorm} of [n, c, d, h, w].
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm3d.html
 */
export class BatchNorm3d extends BatchNorm {
  protected override checkRank(x: Tensor): void {
    if (x.rank !== 5) throw rankError('BatchNorm3d', '[n, c, d, h, w]', x);
  }
}
