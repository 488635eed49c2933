import { isAbsolute, join, relative, resolve } from 'node:path';
import { ArgumentError, FusorError, ImageError, WeightsError } from '@fusor/errors';
import { compile, init, type Plan } from '@fusor/layers';
import type { DeviceOption } from '@fusor/native';
import { classifyEach } from '../classify.ts';
import { findModel, type ModelEntry } from '../models/registry.ts';
import type { ImageSource } from '../preprocess/source.ts';
import { type Arguments, CommandLineEnd, parseArguments } from './arguments.ts';
import { findImages } from './find-images.ts';
import { loadLabels } from './labels.ts';
import { type Output, Progress } from './progress.ts';
import { jsonReport, textReport } from './report.ts';

/** All images were classified. */
const SUCCESS = 0;
/** Some images could not be classified; the others were. */
const SOME_FAILED = 1;
/** A wrong command line, weights that do not fit, no images, or a failure that is not of one image. */
const COULD_NOT_RUN = 2;

/** What `fusor-classify` reads and writes. */
export interface Surroundings {
  readonly input: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  readonly output: Output;
  readonly errors: Output;
  /** The folder that relative paths start from. */
  readonly cwd: string;
}

interface NamedImage {
  readonly name: string;
  readonly source: ImageSource;
}

/**
 * Runs `fusor-classify` with the arguments after its name.
 * @returns the exit status: 0 all images classified, 1 some could not be, 2 the program could not do its work
 */
export async function run(
  args: readonly string[],
  { input, output, errors, cwd }: Surroundings,
): Promise<number> {
  const complain = (text: string) => errors.write(`fusor-classify: ${text}\n`);
  try {
    const options = parseArguments(args, {
      out: (text) => output.write(text),
      err: (text) => errors.write(text),
    });
    const entry = findModel(options.model);
    const labels = options.labels === undefined ? entry.labels : await loadLabels(options.labels, cwd);
    const { images, problems } = await collectImages(options.inputs, input, cwd);
    for (const problem of problems) complain(problem);
    if (images.length === 0) {
      complain('no images to classify');
      return COULD_NOT_RUN;
    }
    const plan = await loadPlan(entry, labels.length, Math.min(options.batch, images.length), options, cwd);
    try {
      const failures = await classifyAll(plan, entry, labels, images, options, { output, errors, complain });
      return failures + problems.length > 0 ? SOME_FAILED : SUCCESS;
    } finally {
      plan.dispose();
    }
  } catch (error) {
    if (error instanceof CommandLineEnd) return error.exitCode;
    if (!(error instanceof FusorError)) throw error;
    complain(error.message);
    return COULD_NOT_RUN;
  }
}

async function collectImages(
  inputs: readonly string[],
  input: Surroundings['input'],
  cwd: string,
): Promise<{ images: NamedImage[]; problems: readonly string[] }> {
  if (inputs.length === 0 && input.isTTY === true) {
    throw new ArgumentError(
      'no images given: name files, folders or patterns, or pipe an image in (see --help)',
    );
  }
  const fromInput = inputs.length === 0 || inputs.includes('-');
  const found = await findImages(
    inputs.filter((name) => name !== '-'),
    cwd,
  );
  // Relative names stay relative, because error messages repeat them.
  const here = relative(process.cwd(), cwd);
  const images: NamedImage[] = found.images.map((name) => ({
    name,
    source: isAbsolute(name) ? name : join(here, name),
  }));
  if (fromInput) images.unshift({ name: '-', source: await readAll(input) });
  return { images, problems: found.problems };
}

// More than any photo; a pipe that never ends should not fill the memory.
const longestInput = 2 ** 30;

async function readAll(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of input) {
    length += chunk.length;
    if (length > longestInput) throw new ImageError('standard input: more than 1 GiB, which is no image');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The network with its weights in a plan; the module gives them up, so they are in memory once. */
async function loadPlan(
  entry: ModelEntry,
  numClasses: number,
  batch: number,
  { weights, threads, device }: Arguments,
  cwd: string,
): Promise<Plan> {
  const model = init.skipInit(() => entry.create({ numClasses }));
  try {
    await model.load(resolve(cwd, weights));
  } catch (error) {
    throw error instanceof WeightsError ? explainMisfit(error, entry, numClasses) : error;
  }
  model.eval();
  return compile(model, {
    input: [batch, ...entry.inputShape],
    device: device as DeviceOption,
    weights: 'release',
    ...(threads === undefined ? {} : { threads }),
  });
}

// Weights of another network differ in hundreds of names; the first few tell what happened.
const longestLine = 240;

/** The error of `load` for a terminal: its lists cut short, and what is probably wrong. */
function explainMisfit(error: WeightsError, { name }: ModelEntry, numClasses: number): WeightsError {
  const lines = error.message.split('\n');
  if (lines.length === 1) return error;
  const short = lines.map((line) => (line.length > longestLine ? `${line.slice(0, longestLine)} …` : line));
  const classifierOnly = lines.length === 2 && /: (fc|linear)\.weight is \[/.test(lines[1]!);
  const hint = classifierOnly
    ? `the network was built with ${numClasses} outputs, one for each class name; --labels must have as many names ` +
      'as the weights have classes'
    : `are these the weights of another network than --model ${name}?`;
  return new WeightsError([...short, hint].join('\n'), { cause: error });
}

/** Classifies, reports as results come, and returns how many images failed. */
async function classifyAll(
  plan: Plan,
  entry: ModelEntry,
  labels: readonly string[],
  images: readonly NamedImage[],
  { top, json }: Arguments,
  { output, errors, complain }: { output: Output; errors: Output; complain: (text: string) => void },
): Promise<number> {
  const report = json ? jsonReport() : textReport();
  const progress = new Progress(errors, images.length);
  const sources = images.map(({ source }) => source);
  let failures = 0;
  output.write(report.begin());
  try {
    for await (const result of classifyEach(plan, sources, { labels, top, preprocess: entry.preprocess })) {
      const image = images[result.index]!.name;
      // The bar is on the terminal of standard error; what else goes to a terminal must not be written into it.
      if ('error' in result || output.isTTY === true) progress.clear();
      if ('error' in result) {
        failures++;
        complain(image === '-' ? `standard input: ${result.error.message}` : result.error.message);
        output.write(report.add({ image, error: result.error }));
      } else {
        output.write(report.add({ image, predictions: result.predictions }));
      }
      progress.advance();
    }
  } finally {
    progress.stop();
    output.write(report.end());
  }
  return failures;
}
