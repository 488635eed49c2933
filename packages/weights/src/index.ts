/**
 * State dicts from and to files: safetensors and PyTorch `.pth`, without running anything that is in them.
 * @module
 */
export type { WeightsData, WeightsDType } from './dtypes.ts';
export { openStateDict } from './open.ts';
export { readStateDict } from './read.ts';
export { type WritableStateDict, type WriteOptions, writeSafetensors } from './safetensors/write.ts';
export type {
  LazyStateDict,
  ReadOptions,
  StateDict,
  TensorInfo,
  TensorRecord,
  WeightsFormat,
  WeightsInput,
} from './types.ts';
