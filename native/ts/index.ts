/**
 * `@fusor/native`: tensors, operations and devices. See README.md for a tour.
 */
export * from '@fusor/errors';
export {
  type DeviceInfo,
  devices,
  emptyCache,
  getThreads,
  type MemoryInfo,
  measurePeak,
  memory,
  setMemoryLimit,
  setThreads,
  synchronize,
} from './devices.ts';
export type { Conv2dOptions, LinearOptions } from './ops/convolution.ts';
export * as ops from './ops/index.ts';
export type {
  BatchNormOptions,
  BatchNormTrainingOptions,
  BatchNormTrainingResult,
} from './ops/normalization.ts';
export { manualSeed } from './random.ts';
export { keep, scope } from './scope.ts';
export { Tensor } from './tensor.ts';
export type {
  Activation,
  CreationOptions,
  Device,
  DeviceOption,
  Dims,
  DType,
  NestedArray,
  Padding2d,
  Pair,
  Shape,
  TensorData,
  TypedArrayInput,
  TypedArrays,
} from './types.ts';
export { version } from './version.ts';
