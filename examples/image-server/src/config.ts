import { findModel, type ModelEntry } from '@fusor/resnet';
import { Command, InvalidArgumentError } from 'commander';

/** What the server is told on the command line. */
export interface Config {
  readonly weights: string;
  readonly model: ModelEntry;
  readonly host: string;
  readonly port: number;
  /** Batch sizes that the plan is made for. */
  readonly batches: readonly number[];
  /** Requests under way at most, from their headers to the answer; more are answered 429. */
  readonly maxPending: number;
  /** Bytes of an uploaded image at most. */
  readonly maxBytes: number;
  /** Pixels of an image at most: a small file can claim a great many. */
  readonly maxPixels: number;
  /** Milliseconds until a request is given up. */
  readonly timeout: number;
  /** Images decoded at a time. */
  readonly decoders: number;
  readonly threads: number;
  readonly device: string;
  readonly top: number;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a positive integer.');
  return value;
}

function sizes(text: string): number[] {
  const list = text.split(',').map(positive);
  if (list[0] !== 1 || list.some((size, i) => i > 0 && size <= list[i - 1]!)) {
    throw new InvalidArgumentError('Expected ascending sizes that begin with 1, such as 1,4,8.');
  }
  return list;
}

/** Reads the command line; ends the process with a message where it is wrong. */
export function parseConfig(argv: readonly string[]): Config {
  const command = new Command('image-server')
    .description('Says what is on uploaded images, over HTTP.')
    .requiredOption('--weights <file>', 'safetensors or PyTorch file')
    .option('--model <name>', 'a network of @fusor/resnet', findModel, findModel('resnet50'))
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--port <number>', 'where to listen; 0 takes a free one', Number, 8080)
    .option('--batches <sizes>', 'batch sizes to plan for', sizes, [1, 4])
    .option('--max-pending <n>', 'requests under way; more are answered 429', positive, 64)
    .option('--max-bytes <n>', 'bytes of an image', positive, 10 * 2 ** 20)
    .option('--max-pixels <n>', 'pixels of an image', positive, 50_000_000)
    .option('--timeout <ms>', 'until a request is given up', positive, 10_000)
    .option('--decoders <n>', 'images decoded at a time', positive, 2)
    .option('--threads <n>', 'processor threads; 0: all physical cores', Number, 0)
    .option('--device <name>', 'auto, cpu, cuda, cuda:1', 'auto')
    .option('--top <n>', 'classes in an answer', positive, 5);
  return command.parse(argv as string[]).opts<Config>();
}
