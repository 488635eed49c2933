import { ArgumentError } from '@fusor/errors';
import { ops, scope, type Tensor } from '@fusor/native';
import { checkInteger, checkNumber, repr } from '../arguments.ts';
import { constant } from '../init/index.ts';
import { Module } from '../module/module.ts';
import { rankError } from './rank.ts';

/** max(x, 0). https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU.html */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.relu(x);
  }
}

/** min(max(x, 0), 6). https://docs.pytorch.org/docs/stable/generated/torch.nn.ReLU6.html */
export class ReLU6 extends Module {
  override forward(x: Tensor): Tensor {
    return ops.clamp(x, 0, 6);
  }
}

/** min(max(x, low), high). https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html */
export class Hardtanh extends Module {
  readonly low: number;
  readonly high: number;

  constructor(low = -1, high = 1) {
    super();
    this.low = checkNumber('Hardtanh', 'low', low);
    this.high = checkNumber('Hardtanh', 'high', high, low);
  }

  override extraRepr(): string {
    return repr([], { low: this.low, high: this.high });
  }

  override forward(x: Tensor): Tensor {
    return ops.clamp(x, this.low, this.high);
  }
}

/** x above 0, negativeSlope · x below. https://docs.pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = checkNumber('LeakyReLU', 'negativeSlope', negativeSlope);
  }

  override extraRepr(): string {
    return repr([], { negativeSlope: this.negativeSlope });
  }

  override forward(x: Tensor): Tensor {
    return ops.leakyRelu(x, this.negativeSlope);
  }
}

/** Options of {@link PReLU}; the defaults are PyTorch's. */
export interface PReLUOptions {
  /** One slope for all, or one for each channel (dimension 1); default 1. */
  readonly parameters?: number;
  /** First value of the slopes; default 0.25. */
  readonly init?: number;
}

/**
 * max(x, 0) + weight · min(x, 0), with a learnt slope. https://docs.pytorch.org/docs/stable/generated/torch.nn.PReLU.html
 */
export class PReLU extends Module {
  weight: Tensor;

  constructor(options: PReLUOptions = {}) {
    super();
    this.weight = constant(
      [checkInteger('PReLU', 'parameters', options.parameters ?? 1)],
      options.init ?? 0.25,
    );
  }

  override extraRepr(): string {
    return repr([], { parameters: this.weight.size });
  }

  override forward(x: Tensor): Tensor {
    const slopes = this.weight.size;
    if (slopes > 1 && x.shape[1] !== slopes) throw rankError('PReLU', `[n, ${slopes}, …]`, x);
    return scope(() => {
      // Per channel, the slopes lie along dimension 1.
      const shape = x.shape.map((_, dim) => (dim === 1 ? slopes : 1));
      const slope = this.weight.reshape(slopes === 1 ? [1] : shape);
      return x.relu().add(x.clamp(Number.NEGATIVE_INFINITY, 0).mul(slope));
    });
  }
}

/** x above 0, alpha · (exp(x) − 1) below. https://docs.pytorch.org/docs/stable/generated/torch.nn.ELU.html */
export class ELU extends Module {
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = checkNumber('ELU', 'alpha', alpha);
  }

  override extraRepr(): string {
    return repr([], { alpha: this.alpha });
  }

  override forward(x: Tensor): Tensor {
    return ops.elu(x, this.alpha);
  }
}

/**
 * scale · ELU(x) with alpha ≈ 1.6733 and scale ≈ 1.0507, which keep activations normalized.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.SELU.html
 */
export class SELU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.selu(x);
  }
}

/** Options of {@link GELU}. */
export interface GELUOptions {
  /** `'tanh'` takes tanh in the place of the error function; default `'none'`. */
  readonly approximate?: 'none' | 'tanh';
}

/**
 * x · Φ(x), with Φ the normal distribution function. https://docs.pytorch.org/docs/stable/generated/torch.nn.GELU.html
 */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: GELUOptions = {}) {
    super();
    this.approximate = options.approximate ?? 'none';
    if (this.approximate !== 'none' && this.approximate !== 'tanh') {
      throw new ArgumentError(`GELU: approximate must be 'none' or 'tanh', got ${String(this.approximate)}`);
    }
  }

  override extraRepr(): string {
    return repr([], { approximate: this.approximate });
  }

  override forward(x: Tensor): Tensor {
    return ops.gelu(x, { approximate: this.approximate });
  }
}

/** x · sigmoid(x). https://docs.pytorch.org/docs/stable/generated/torch.nn.SiLU.html */
export class SiLU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.silu(x);
  }
}

/** x · tanh(softplus(x)). https://docs.pytorch.org/docs/stable/generated/torch.nn.Mish.html */
export class Mish extends Module {
  override forward(x: Tensor): Tensor {
    return ops.mish(x);
  }
}

/** 1 / (1 + exp(−x)). https://docs.pytorch.org/docs/stable/generated/torch.nn.Sigmoid.html */
export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.sigmoid(x);
  }
}

/** ln(sigmoid(x)) = −softplus(−x). https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html */
export class LogSigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return scope(() => ops.softplus(x.neg()).neg());
  }
}

/** https://docs.pytorch.org/docs/stable/generated/torch.nn.Tanh.html */
export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return ops.tanh(x);
  }
}

/** Options of {@link Softplus}; the defaults are PyTorch's. */
export interface SoftplusOptions {
  /** Default 1. */
  readonly beta?: number;
  /** Where beta · x is greater, y = x; default 20. */
  readonly threshold?: number;
}

/** ln(1 + exp(beta · x)) / beta. https://docs.pytorch.org/docs/stable/generated/torch.nn.Softplus.html */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;

  constructor(options: SoftplusOptions = {}) {
    super();
    this.beta = checkNumber('Softplus', 'beta', options.beta ?? 1);
    this.threshold = checkNumber('Softplus', 'threshold', options.threshold ?? 20);
  }

  override extraRepr(): string {
    return repr([], { beta: this.beta, threshold: this.threshold });
  }

  override forward(x: Tensor): Tensor {
    return ops.softplus(x, { beta: this.beta, threshold: this.threshold });
  }
}

/** min(max(x / 6 + 1/2, 0), 1). https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html */
export class Hardsigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.hardSigmoid(x);
  }
}

/** x · hardsigmoid(x). https://docs.pytorch.org/docs/stable/generated/torch.nn.Hardswish.html */
export class Hardswish extends Module {
  override forward(x: Tensor): Tensor {
    return ops.hardSwish(x);
  }
}

/**
 * exp(x) / Σ exp(x) along a dimension; negative ones count from the last.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Softmax.html
 */
export class Softmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = checkInteger('Softmax', 'dim', dim, Number.MIN_SAFE_INTEGER);
  }

  override extraRepr(): string {
    return repr([], { dim: this.dim });
  }

  override forward(x: Tensor): Tensor {
    return ops.softmax(x, this.dim);
  }
}

/** ln(softmax(x)). https://docs.pytorch.org/docs/stable/generated/torch.nn.LogSoftmax.html */
export class LogSoftmax extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = checkInteger('LogSoftmax', 'dim', dim, Number.MIN_SAFE_INTEGER);
  }

  override extraRepr(): string {
    return repr([], { dim: this.dim });
  }

  override forward(x: Tensor): Tensor {
    return ops.logSoftmax(x, this.dim);
  }
}
