import { ArgumentError, ImageError, ShapeError } from '@fusor/errors';
import { Module, type Plan } from '@fusor/layers';
import { scope, Tensor } from '@fusor/native';
import { imagenetLabels } from './labels/imagenet.ts';
import { mapLimited } from './preprocess/concurrency.ts';
import { type PreprocessOptions, resolveOptions } from './preprocess/options.ts';
import { joinBatch } from './preprocess/preprocess.ts';
import type { ImageSource } from './preprocess/source.ts';
import { type PreprocessedImage, preprocessToArray } from './preprocess/transform.ts';
import { type Prediction, topPredictions } from './top.ts';

/** What classifies: a compiled plan (fast), or a module in evaluation mode (eager, no compiling). */
export type Classifier = Plan | Module;

/** Options of `classify`. An entry of `models` fits: `classify(plan, image, models.cifarResnet20)`. */
export interface ClassifyOptions {
  /** Names of the outputs. Default: ImageNet's for 1,000 outputs, else `class 0`, `class 1`, … */
  readonly labels?: readonly string[];
  /** How many classes to give for an image. Default 5. */
  readonly top?: number;
  /** How an image becomes an input. Default: ImageNet's, 224×224. */
  readonly preprocess?: PreprocessOptions;
  /** Images to run at a time, where the plan leaves it free. Default 8. */
  readonly batch?: number;
}

/** What `classifyEach` gives for an image: its classes, or why there are none. */
export type Classified =
  | { readonly index: number; readonly source: ImageSource; readonly predictions: readonly Prediction[] }
  | { readonly index: number; readonly source: ImageSource; readonly error: ImageError };

/**
 * Says what is on an image: the most probable classes, most probable first.
 *
 * ```ts
 * const [best] = await classify(plan, 'photo.jpg');
 * console.log(best.label, best.probability);   // stingray 0.97
 * ```
 * @throws {ImageError} for the first image that cannot be decoded; `classifyEach` goes on after it
 * @throws {ArgumentError} for an option out of range, labels that are not as many as the outputs, or a module in
 *   training mode
 */
export function classify(
  classifier: Classifier,
  image: ImageSource,
  options?: ClassifyOptions,
): Promise<Prediction[]>;
/** Says what is on each of several images, in their order. */
export function classify(
  classifier: Classifier,
  images: readonly ImageSource[],
  options?: ClassifyOptions,
): Promise<Prediction[][]>;
export async function classify(
  classifier: Classifier,
  images: ImageSource | readonly ImageSource[],
  options: ClassifyOptions = {},
): Promise<Prediction[] | Prediction[][]> {
  const sources = Array.isArray(images) ? (images as readonly ImageSource[]) : [images as ImageSource];
  const results: Prediction[][] = [];
  for await (const outcome of classifyEach(classifier, sources, options)) {
    if ('error' in outcome) throw outcome.error;
    results.push([...outcome.predictions]);
  }
  return Array.isArray(images) ? results : results[0]!;
}

/**
 * Classifies images one batch after the other and gives each result as it comes, in order. While one batch runs, the
 * next is decoded. An image that cannot be decoded gives an entry with its error, and the rest goes on.
 */
export async function* classifyEach(
  classifier: Classifier,
  images: readonly ImageSource[],
  options: ClassifyOptions = {},
): AsyncGenerator<Classified, void, undefined> {
  const { top = 5, batch = 8 } = options;
  checkCount('top', top);
  checkCount('batch', batch);
  resolveOptions(options.preprocess);
  const runner = runnerOf(classifier);
  const size = runner.batch ?? batch;
  const load = (start: number) => loadBatch(images.slice(start, start + size), options.preprocess);
  let next = images.length > 0 ? load(0) : undefined;
  for (let start = 0; next !== undefined; start += size) {
    const loaded = await next;
    next = start + size < images.length ? load(start + size) : undefined;
    // A failure that is not of an image is met at the `await` above; until then somebody must have looked at it.
    next?.catch(() => {});
    const predictions = await predict(runner, loaded, options.labels, top);
    for (const [offset, image] of loaded.entries()) {
      const place = { index: start + offset, source: images[start + offset]! };
      if (image instanceof ImageError) yield { ...place, error: image };
      else yield { ...place, predictions: predictions.shift()! };
    }
  }
}

function loadBatch(
  sources: readonly ImageSource[],
  options: PreprocessOptions | undefined,
): Promise<(PreprocessedImage | ImageError)[]> {
  return mapLimited(sources, async (source) => {
    try {
      return await preprocessToArray(source, options);
    } catch (error) {
      if (error instanceof ImageError) return error;
      throw error;
    }
  });
}

/** Predictions for the images of a batch that could be decoded. */
async function predict(
  runner: Runner,
  loaded: readonly (PreprocessedImage | ImageError)[],
  labels: readonly string[] | undefined,
  top: number,
): Promise<Prediction[][]> {
  const images = loaded.filter((image): image is PreprocessedImage => !(image instanceof ImageError));
  if (images.length === 0) return [];
  // A plan for a fixed batch runs it whole: places without an image are zeros, and their results are dropped.
  const { data, shape } = joinBatch(images, runner.batch ?? images.length);
  const logits = await runner.run(data, shape);
  const classes = logits.shape[1]!;
  if (logits.shape.length !== 2 || logits.shape[0] !== shape[0]) {
    throw new ShapeError(
      `classify: the network must put out [${shape[0]}, classes] for ${shape[0]} images, got [${logits.shape.join(', ')}]`,
    );
  }
  const names = labels ?? defaultLabels(classes);
  if (names.length !== classes) {
    throw new ArgumentError(
      `classify: the network has ${classes} outputs, but labels has ${names.length} names`,
    );
  }
  return topPredictions(logits.data.subarray(0, images.length * classes), classes, names, top);
}

function defaultLabels(classes: number): readonly string[] {
  if (classes === imagenetLabels.length) return imagenetLabels;
  return Array.from({ length: classes }, (_, index) => `class ${index}`);
}

/** A plan or a module, as classification sees it. */
interface Runner {
  /** Images that it takes at a time; undefined where that is free. */
  readonly batch: number | undefined;
  run(
    data: Float32Array,
    shape: readonly number[],
  ): Promise<{ data: Float32Array; shape: readonly number[] }>;
}

function runnerOf(classifier: Classifier): Runner {
  return classifier instanceof Module ? moduleRunner(classifier) : planRunner(classifier);
}

function moduleRunner(module: Module): Runner {
  if (module.training) {
    throw new ArgumentError('classify: the module is in training mode; call eval() before');
  }
  const device = module.parameters()[0]?.device;
  return {
    batch: undefined,
    async run(data, shape) {
      const output = scope(() =>
        module.forward(Tensor.from(data, shape, device === undefined ? {} : { device })),
      );
      return takeLogits(output);
    },
  };
}

function planRunner(plan: Plan): Runner {
  const [batch] = plan.inputs[0]!.shape;
  return {
    batch: typeof batch === 'number' ? batch : undefined,
    async run(data, shape) {
      const input = Tensor.from(data, shape, { device: plan.device });
      try {
        return await takeLogits(await plan.run(input));
      } finally {
        input.dispose();
      }
    },
  };
}

async function takeLogits(output: unknown): Promise<{ data: Float32Array; shape: readonly number[] }> {
  if (!(output instanceof Tensor)) {
    throw new ShapeError('classify: the network must put out one tensor of logits');
  }
  const { shape } = output;
  try {
    return { data: await output.data('f32'), shape };
  } finally {
    output.dispose();
  }
}

function checkCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ArgumentError(`classify: ${name} must be a whole number of 1 or more, got ${value}`);
  }
}
