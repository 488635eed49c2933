export {
  type Classified,
  type Classifier,
  type ClassifyOptions,
  classify,
  classifyEach,
} from './classify.ts';
export { cifar10Labels } from './labels/cifar10.ts';
export { imagenetLabels } from './labels/imagenet.ts';
export {
  BasicBlock,
  type BlockOptions,
  Bottleneck,
  type ResidualBlock,
  type ResidualBlockClass,
} from './models/blocks.ts';
export {
  CifarBlock,
  CifarResNet,
  type CifarResNetOptions,
  type CifarResNetVariantOptions,
  cifarResnet20,
  cifarResnet32,
  cifarResnet44,
  cifarResnet56,
  cifarResnet110,
} from './models/cifar.ts';
export { findModel, type ModelEntry, type ModelName, models } from './models/registry.ts';
export {
  ResNet,
  type ResNetOptions,
  type ResNetVariantOptions,
  resnet18,
  resnet26,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnext50_32x4d,
  wideResnet50_2,
} from './models/resnet.ts';
export { imagenetMean, imagenetStd, type PreprocessOptions } from './preprocess/options.ts';
export { preprocess } from './preprocess/preprocess.ts';
export type { ImageSource, RawImage } from './preprocess/source.ts';
export { type PreprocessedImage, preprocessToArray } from './preprocess/transform.ts';
export { type Prediction, topPredictions } from './top.ts';
