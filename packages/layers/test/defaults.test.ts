import {
  AvgPool1d,
  AvgPool2d,
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  Conv1d,
  Conv2d,
  Dropout,
  Dropout2d,
  ELU,
  Embedding,
  Flatten,
  GELU,
  GroupNorm,
  Hardtanh,
  InstanceNorm2d,
  LayerNorm,
  LeakyReLU,
  Linear,
  MaxPool1d,
  MaxPool2d,
  MultiheadAttention,
  PReLU,
  Softplus,
} from '@fusor/layers';
import { describe, expect, it } from 'vitest';
import { readGolden } from './support/golden.ts';

const { defaults } = readGolden();

const batchNorm = (layer: BatchNorm2d | BatchNorm1d | BatchNorm3d) => ({
  eps: layer.eps,
  momentum: layer.momentum,
  affine: layer.weight !== null,
  track_running_stats: layer.running_mean !== null,
});
const both = (pair: readonly [number, number] | 'same') => (pair[0] === pair[1] ? pair[0] : pair);
const convolution = (layer: Conv2d | Conv1d) => ({
  groups: layer.groups,
  bias: layer.bias !== null,
  padding_mode: layer.paddingMode,
});

/** Our layers with nothing but required arguments, by the names that PyTorch gives to what they hold. */
const made: Record<string, () => Record<string, unknown>> = {
  Conv2d: () => {
    const layer = new Conv2d(2, 3, 3);
    return {
      stride: both(layer.stride),
      padding: both(layer.padding),
      dilation: both(layer.dilation),
      ...convolution(layer),
    };
  },
  Conv1d: () => {
    const layer = new Conv1d(2, 3, 3);
    return { stride: layer.stride, padding: layer.padding, dilation: layer.dilation, ...convolution(layer) };
  },
  Linear: () => ({ bias: new Linear(2, 3).bias !== null }),
  BatchNorm1d: () => batchNorm(new BatchNorm1d(2)),
  BatchNorm2d: () => batchNorm(new BatchNorm2d(2)),
  BatchNorm3d: () => batchNorm(new BatchNorm3d(2)),
  LayerNorm: () => ({ eps: new LayerNorm(2).eps, elementwise_affine: new LayerNorm(2).weight !== null }),
  GroupNorm: () => ({ eps: new GroupNorm(1, 2).eps, affine: new GroupNorm(1, 2).weight !== null }),
  InstanceNorm2d: () => ({ eps: new InstanceNorm2d(2).eps, affine: new InstanceNorm2d(2).weight !== null }),
  LeakyReLU: () => ({ negative_slope: new LeakyReLU().negativeSlope }),
  PReLU: () => ({ num_parameters: new PReLU().weight.size }),
  ELU: () => ({ alpha: new ELU().alpha }),
  GELU: () => ({ approximate: new GELU().approximate }),
  Softplus: () => ({ beta: new Softplus().beta, threshold: new Softplus().threshold }),
  Hardtanh: () => ({ min_val: new Hardtanh().low, max_val: new Hardtanh().high }),
  MaxPool2d: () => {
    const layer = new MaxPool2d(3);
    expect(layer.stride).toEqual(layer.kernelSize);
    return {
      stride: null,
      padding: both(layer.padding),
      dilation: both(layer.dilation),
      ceil_mode: layer.ceilMode,
    };
  },
  MaxPool1d: () => {
    const layer = new MaxPool1d(3);
    expect(layer.stride).toBe(layer.kernelSize);
    return { stride: null, padding: layer.padding, dilation: layer.dilation, ceil_mode: layer.ceilMode };
  },
  AvgPool2d: () => {
    const layer = new AvgPool2d(3);
    expect(layer.stride).toEqual(layer.kernelSize);
    return {
      stride: null,
      padding: both(layer.padding),
      ceil_mode: layer.ceilMode,
      count_include_pad: layer.countIncludePad,
    };
  },
  AvgPool1d: () => {
    const layer = new AvgPool1d(3);
    expect(layer.stride).toBe(layer.kernelSize);
    return {
      stride: null,
      padding: layer.padding,
      ceil_mode: layer.ceilMode,
      count_include_pad: layer.countIncludePad,
    };
  },
  Flatten: () => ({ start_dim: new Flatten().startDim, end_dim: new Flatten().endDim }),
  Dropout: () => ({ p: new Dropout().probability }),
  Dropout2d: () => ({ p: new Dropout2d().probability }),
  Embedding: () => ({ padding_idx: new Embedding(2, 3).paddingIndex }),
  MultiheadAttention: () => {
    const layer = new MultiheadAttention(4, 2);
    return { bias: layer.in_proj_bias !== null, batch_first: layer.batchFirst };
  },
};

describe('layers have the defaults of PyTorch', () => {
  it('covers every layer that the golden file has', () => {
    expect(Object.keys(made).sort()).toEqual(Object.keys(defaults).sort());
  });

  it.each(Object.keys(made))('%s', (name) => {
    const ours = made[name]!();
    expect(Object.keys(ours).length).toBeGreaterThan(0);
    for (const [option, value] of Object.entries(ours))
      expect({ [option]: value }).toEqual({ [option]: defaults[name]![option] });
  });
});
