// Every network by name, with all that is needed to use it on images: how to build it, what it takes, how an image
// becomes that, and what its outputs are called. `fusor-classify` and `fusor-bench` know networks from here only.

import { ArgumentError } from '@fusor/errors';
import type { Module } from '@fusor/layers';
import { cifar10Labels } from '../labels/cifar10.ts';
import { imagenetLabels } from '../labels/imagenet.ts';
import type { PreprocessOptions } from '../preprocess/options.ts';
import { cifarResnet20, cifarResnet32, cifarResnet44, cifarResnet56, cifarResnet110 } from './cifar.ts';
import {
  resnet18,
  resnet26,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  resnext50_32x4d,
  wideResnet50_2,
} from './resnet.ts';

/** A network and its recipe. Fits as the options of `classify`, which takes `preprocess` and `labels` from it. */
export interface ModelEntry {
  /** The name of the exported function that builds it. */
  readonly name: ModelName;
  /** One line for a list of models. */
  readonly description: string;
  /** Builds the network with fresh weights. */
  readonly create: (options?: { readonly numClasses?: number }) => Module;
  /** Channels, height and width of one input. */
  readonly inputShape: readonly [number, number, number];
  /** How an image becomes an input. */
  readonly preprocess: PreprocessOptions;
  /** Names of the outputs of the published weights. */
  readonly labels: readonly string[];
}

/** Names of the networks in `models`. */
export type ModelName =
  | 'resnet18'
  | 'resnet26'
  | 'resnet34'
  | 'resnet50'
  | 'resnet101'
  | 'resnet152'
  | 'resnext50_32x4d'
  | 'wideResnet50_2'
  | 'cifarResnet20'
  | 'cifarResnet32'
  | 'cifarResnet44'
  | 'cifarResnet56'
  | 'cifarResnet110';

function imagenet(name: ModelName, create: ModelEntry['create'], description: string): ModelEntry {
  const preprocess = { resize: 256, crop: 224 } as const;
  return { name, create, description, inputShape: [3, 224, 224], preprocess, labels: imagenetLabels };
}

// An image of 32×32, CIFAR's own size, goes in as it is; others are brought to it. The published checkpoints were
// trained with ImageNet's mean and standard deviation, which are the defaults.
function cifar(name: ModelName, create: ModelEntry['create'], description: string): ModelEntry {
  const preprocess = { resize: 32, crop: 32 } as const;
  return { name, create, description, inputShape: [3, 32, 32], preprocess, labels: cifar10Labels };
}

/** All networks of this package by name. */
export const models: Readonly<Record<ModelName, ModelEntry>> = {
  resnet18: imagenet('resnet18', resnet18, 'ImageNet, basic blocks [2, 2, 2, 2], 11.7 M parameters'),
  resnet26: imagenet('resnet26', resnet26, 'ImageNet, basic blocks [2, 2, 4, 4], 23.5 M parameters'),
  resnet34: imagenet('resnet34', resnet34, 'ImageNet, basic blocks [3, 4, 6, 3], 21.8 M parameters'),
  resnet50: imagenet('resnet50', resnet50, 'ImageNet, bottlenecks [3, 4, 6, 3], 25.6 M parameters'),
  resnet101: imagenet('resnet101', resnet101, 'ImageNet, bottlenecks [3, 4, 23, 3], 44.5 M parameters'),
  resnet152: imagenet('resnet152', resnet152, 'ImageNet, bottlenecks [3, 8, 36, 3], 60.2 M parameters'),
  resnext50_32x4d: imagenet(
    'resnext50_32x4d',
    resnext50_32x4d,
    'ImageNet, 32 groups of 4, 25.0 M parameters',
  ),
  wideResnet50_2: imagenet('wideResnet50_2', wideResnet50_2, 'ImageNet, twice as wide, 68.9 M parameters'),
  cifarResnet20: cifar('cifarResnet20', cifarResnet20, 'CIFAR-10, 0.27 M parameters'),
  cifarResnet32: cifar('cifarResnet32', cifarResnet32, 'CIFAR-10, 0.46 M parameters'),
  cifarResnet44: cifar('cifarResnet44', cifarResnet44, 'CIFAR-10, 0.66 M parameters'),
  cifarResnet56: cifar('cifarResnet56', cifarResnet56, 'CIFAR-10, 0.85 M parameters'),
  cifarResnet110: cifar('cifarResnet110', cifarResnet110, 'CIFAR-10, 1.73 M parameters'),
};

/**
 * The network called `name`. Case, dashes and underscores do not matter, so that torchvision's `wide_resnet50_2` is
 * found too.
 * @throws ArgumentError naming all networks where there is none of that name.
 */
export function findModel(name: string): ModelEntry {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, '');
  const found = Object.values(models).find((entry) => plain(entry.name) === plain(name));
  if (found === undefined) {
    throw new ArgumentError(`unknown model '${name}' (known: ${Object.keys(models).join(', ')})`);
  }
  return found;
}
