import { compile, skipInit } from '@fusor/layers';
import { type DeviceOption, setThreads, synchronize } from '@fusor/native';
import { type ModelEntry, type Prediction, preprocessToArray, topPredictions } from '@fusor/resnet';
import pLimit from 'p-limit';
import { Batcher } from './batcher.ts';

/** How a classifier is made; see `Config`. */
export interface ClassifierOptions {
  readonly weights: string;
  readonly model: ModelEntry;
  readonly batches: readonly number[];
  readonly maxPending: number;
  readonly maxPixels: number;
  readonly decoders: number;
  readonly threads: number;
  readonly device: string;
  readonly top: number;
  /** Called after each batch. */
  readonly onBatch?: (size: number, seconds: number) => void;
}

/** Says what is on an image. */
export interface Classifier {
  /**
   * @throws (rejects) ImageError for what is no image or too large, OverloadedError when too many wait, the signal's
   *   reason when it is aborted before the network runs
   */
  classify(image: Uint8Array, signal: AbortSignal): Promise<Prediction[]>;
  /** Images that wait for the network. */
  readonly waiting: number;
  /** Ends when all that was begun is done. */
  close(): Promise<void>;
}

/** Loads a network, plans it for each batch size and runs each once, so that the first request is as fast as the rest. */
export async function createClassifier(options: ClassifierOptions): Promise<Classifier> {
  const { model: entry, batches, top } = options;
  if (options.threads > 0) setThreads(options.threads);
  const model = skipInit(() => entry.create());
  await model.load(options.weights);
  const plan = await compile(model.eval(), {
    input: ['n', ...entry.inputShape],
    device: options.device as DeviceOption,
    weights: 'release',
    plannedBatches: batches.length,
  });
  const elements = entry.inputShape.reduce((product, size) => product * size, 1);
  const buffers = new Map(batches.map((size) => [size, new Float32Array(size * elements)]));
  for (const input of buffers.values()) (await plan.run(input)).dispose();

  const classes = entry.labels.length;
  const batcher = new Batcher<Float32Array, Prediction[]>({
    sizes: batches,
    maxWaiting: options.maxPending,
    async run(images) {
      const begin = performance.now();
      const input = buffers.get(images.length)!;
      for (const [index, image] of images.entries()) input.set(image, index * elements);
      const logits = new Float32Array(images.length * classes);
      await plan.run(input, { into: logits });
      options.onBatch?.(images.length, (performance.now() - begin) / 1000);
      return topPredictions(logits, classes, entry.labels, top);
    },
  });

  // Decoding takes libuv's threads and memory for whole images, so only a few are decoded at a time.
  const decode = pLimit(options.decoders);
  const preprocess = { ...entry.preprocess, maxPixels: options.maxPixels };
  return {
    async classify(image, signal) {
      const { data } = await decode(() => {
        signal.throwIfAborted();
        return preprocessToArray(image, preprocess);
      });
      return batcher.submit(data, signal);
    },
    get waiting() {
      return batcher.waiting;
    },
    async close() {
      await batcher.idle();
      await synchronize();
      plan.dispose();
    },
  };
}
