import { TraceError } from '@fusor/errors';
import { type Shape, Tensor } from '@fusor/native';
import { currentTracer } from '@fusor/native/trace';
import { checkNumber, repr } from '../arguments.ts';
import { Module } from '../module/module.ts';
import { rankError } from './rank.ts';

/**
 * In training mode sets elements to 0 with probability p and multiplies the rest by 1 / (1 − p); in inference mode
 * y = x. The random numbers are those of `manualSeed`.
 *
 * Hinton et al., Improving neural networks by preventing co-adaptation of feature detectors,
 * https://arxiv.org/abs/1207.0580; https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 */
export class Dropout extends Module {
  readonly probability: number;

  constructor(probability = 0.5) {
    super();
    this.probability = checkNumber('Dropout', 'probability', probability, 0, 1);
  }

  override extraRepr(): string {
    return repr([], { probability: this.probability });
  }

  override forward(x: Tensor): Tensor {
    return drop(this, this.probability, x, x.shape);
  }
}

/**
 * {@link Dropout} of whole channels: x [n, c, …], each channel of each sample is kept or set to 0. A tensor of three
 * dimensions is read as [n, c, l], as PyTorch 1.13 and later do with a warning.
 *
 * Tompson et al., Efficient object localization using convolutional networks, https://arxiv.org/abs/1411.4280;
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html
 */
export class Dropout2d extends Module {
  readonly probability: number;

  constructor(probability = 0.5) {
    super();
    this.probability = checkNumber('Dropout2d', 'probability', probability, 0, 1);
  }

  override extraRepr(): string {
    return repr([], { probability: this.probability });
  }

  override forward(x: Tensor): Tensor {
    if (x.rank < 3) throw rankError('Dropout2d', '[n, c, h, w]', x);
    const mask = x.shape.map((size, dim) => (dim < 2 ? size : 1));
    return drop(this, this.probability, x, mask);
  }
}

function drop(layer: Module, probability: number, x: Tensor, maskShape: Shape): Tensor {
  if (!layer.training || probability === 0) return x;
  if (currentTracer() !== undefined) {
    throw new TraceError(
      `${layer.constructor.name} is in training mode, where it drops at random; call model.eval() before it is compiled`,
    );
  }
  const mask = Tensor.bernoulli(maskShape, 1 - probability, { device: x.device });
  const kept = x.mul(mask);
  mask.dispose();
  if (probability === 1) return kept;
  const scaled = kept.mul(1 / (1 - probability));
  kept.dispose();
  return scaled;
}
