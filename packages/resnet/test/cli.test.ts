import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { cifar10Labels, cifarResnet20 } from '@fusor/resnet';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../src/cli/command.ts';
import { findImages } from '../src/cli/find-images.ts';
import { cifar10Weights, hasCifar10, readCifar10 } from './support/cifar10.ts';
import { noise } from './support/pixels.ts';

const folder = mkdtempSync(join(tmpdir(), 'fusor-cli-'));
const weights = join(folder, 'weights.safetensors');
const network = ['--model', 'cifarResnet20', '--weights', weights];

beforeAll(async () => {
  const model = cifarResnet20();
  await model.save(weights);
  model.dispose();
  mkdirSync(join(folder, 'photos', 'deep', 'er'), { recursive: true });
  mkdirSync(join(folder, 'empty'));
  const files = [
    'a.png',
    'b2.JPG',
    'b10.jpg',
    'photos/c.webp',
    'photos/deep/d.png',
    'photos/deep/er/[e].png',
  ];
  for (const [index, file] of files.entries()) {
    const format = file.endsWith('png') ? 'png' : file.endsWith('webp') ? 'webp' : 'jpeg';
    const pixels = sharp(noise(40 * 50 * 3, index + 1), { raw: { width: 50, height: 40, channels: 3 } });
    await pixels.toFormat(format).toFile(join(folder, file));
  }
  writeFileSync(join(folder, 'photos', 'notes.txt'), 'no image');
  writeFileSync(join(folder, 'broken.jpg'), 'no image either');
  writeFileSync(
    join(folder, 'ten.txt'),
    `${Array.from({ length: 10 }, (_, i) => `name ${i}`).join('\r\n')}\r\n`,
  );
  writeFileSync(join(folder, 'ten.json'), JSON.stringify(Array.from({ length: 10 }, (_, i) => `json ${i}`)));
  writeFileSync(join(folder, 'three.txt'), 'a\nb\nc\n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class Sink extends Writable {
  readonly isTTY: boolean;
  readonly columns = 100;
  text = '';

  constructor(isTTY = false) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

async function classifyCommand(
  args: readonly string[],
  { input, terminal = false }: { input?: Uint8Array | 'terminal'; terminal?: boolean } = {},
): Promise<{ status: number; output: string; errors: string }> {
  const output = new Sink();
  const errors = new Sink(terminal);
  const stream = Readable.from(input instanceof Uint8Array ? [input] : []);
  const status = await run(args, {
    input: Object.assign(stream, { isTTY: input === 'terminal' }),
    output,
    errors,
    cwd: folder,
  });
  return { status, output: output.text, errors: errors.text };
}

describe('files, folders, patterns', () => {
  it('come in the order of the arguments, each once, sorted as people count', async () => {
    const inputs = ['photos', 'b[0-9]*.{jpg,JPG}', 'photos/c.webp', 'a.png'];
    const { images, problems } = await findImages(inputs, folder);
    expect(images).toEqual([
      'photos/c.webp',
      'photos/deep/d.png',
      'photos/deep/er/[e].png',
      'b2.JPG',
      'b10.jpg',
      'a.png',
    ]);
    expect(problems).toEqual([]);
  });

  it('a file whose name looks like a pattern is that file', async () => {
    const name = 'photos/deep/er/[e].png';
    expect((await findImages([name], folder)).images).toEqual([name]);
  });

  it('what gives nothing is said: empty folder, pattern without a match', async () => {
    const { images, problems } = await findImages(['empty', '*.bmp', 'gone.jpg'], folder);
    expect(images).toEqual(['gone.jpg']);
    expect(problems).toEqual(["no images in folder 'empty'", "no file matches '*.bmp'"]);
  });
});

describe('fusor-classify', () => {
  it('text: a name and the five most probable classes per image', async () => {
    const { status, output, errors } = await classifyCommand([...network, 'a.png', 'photos']);
    expect(errors).toBe('');
    expect(status).toBe(0);
    const lines = output.trimEnd().split('\n');
    expect(lines).toHaveLength(4 * 6);
    expect(lines[0]).toBe('a.png');
    expect(lines[6]).toBe('photos/c.webp');
    const probabilities = lines
      .slice(1, 6)
      .map((line) => Number(/^ {2}(0\.\d{4}|1\.0000) {2}\w+$/.exec(line)![1]));
    expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
  });

  it('--top 1: one line per image', async () => {
    const { output } = await classifyCommand([...network, '--top', '1', 'a.png', 'b2.JPG']);
    expect(output).toMatch(/^a\.png: [01]\.\d{4} {2}\w+\nb2\.JPG: [01]\.\d{4} {2}\w+\n$/);
  });

  it('--json: an array with every class on demand, whose probabilities add up to one', async () => {
    const { status, output } = await classifyCommand([
      ...network,
      '--json',
      '--top',
      '10',
      'a.png',
      'b10.jpg',
    ]);
    const entries = JSON.parse(output) as {
      image: string;
      predictions: { label: string; probability: number }[];
    }[];
    expect(status).toBe(0);
    expect(entries.map(({ image }) => image)).toEqual(['a.png', 'b10.jpg']);
    for (const { predictions } of entries) {
      expect(predictions.map(({ label }) => label).sort()).toEqual([...cifar10Labels].sort());
      expect(predictions.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    }
  });

  it('results do not depend on the batch or the threads', async () => {
    const args = [...network, '--json', 'photos', 'a.png', 'b2.JPG', 'b10.jpg'];
    const { output } = await classifyCommand([...args, '--batch', '1', '--threads', '1']);
    for (const more of [
      ['--batch', '4'],
      ['--batch', '64', '--threads', '2'],
    ]) {
      const other = JSON.parse((await classifyCommand([...args, ...more])).output) as unknown[];
      for (const [index, entry] of (
        JSON.parse(output) as { predictions: { probability: number }[] }[]
      ).entries()) {
        const { predictions } = other[index] as typeof entry;
        for (const [rank, { probability }] of entry.predictions.entries()) {
          expect(predictions[rank]!.probability).toBeCloseTo(probability, 5);
        }
      }
    }
  });

  it('standard input: an image that is piped in, or -', async () => {
    const bytes = readFileSync(join(folder, 'a.png'));
    const file = await classifyCommand([...network, 'a.png']);
    for (const args of [[], ['-']]) {
      const { status, output } = await classifyCommand([...network, ...args], { input: bytes });
      expect(status).toBe(0);
      expect(output).toBe(file.output.replace('a.png', '-'));
    }
  });

  it('broken and missing images are reported and skipped: status 1', async () => {
    const { status, output, errors } = await classifyCommand([
      ...network,
      '--top',
      '1',
      'broken.jpg',
      'a.png',
      'gone.png',
    ]);
    expect(status).toBe(1);
    expect(output).toMatch(/^a\.png: .*\n$/);
    expect(errors).toMatch(/^fusor-classify: '.*broken\.jpg': is not an image in a known format.*\n/);
    expect(errors).toMatch(/\nfusor-classify: '.*gone\.png': no such file\n$/);
  });

  it('broken images have an entry with the error in JSON', async () => {
    const { status, output } = await classifyCommand([...network, '--json', 'broken.jpg', 'a.png']);
    expect(status).toBe(1);
    expect(JSON.parse(output)).toMatchObject([
      {
        image: 'broken.jpg',
        error: { code: 'ERR_FUSOR_IMAGE', message: expect.stringContaining('is not an image') },
      },
      { image: 'a.png', predictions: expect.any(Array) },
    ]);
  });

  it('broken input on standard input: status 1, and valid JSON', async () => {
    const { status, output, errors } = await classifyCommand([...network, '--json'], {
      input: Buffer.from('text'),
    });
    expect(status).toBe(1);
    expect(errors).toMatch(/standard input: .*is not an image/);
    expect(JSON.parse(output)).toHaveLength(1);
  });

  it.each([
    ['no weights', ['--model', 'resnet18', 'a.png'], /option '--weights <file>' is required/],
    [
      'unknown model',
      ['--model', 'vgg', '--weights', weights, 'a.png'],
      /unknown model 'vgg' \(known: resnet18/,
    ],
    ['unknown option', [...network, '--size', '3', 'a.png'], /unknown option '--size'/],
    ['top that is no number', [...network, '--top', 'x', 'a.png'], /'x' is invalid.*whole number/],
    ['batch of zero', [...network, '--batch', '0', 'a.png'], /'0' is invalid/],
    [
      'weights that are not there',
      ['--model', 'cifarResnet20', '--weights', 'none.pth', 'a.png'],
      /none\.pth/,
    ],
    [
      'weights that are no weights',
      ['--model', 'cifarResnet20', '--weights', 'broken.jpg', 'a.png'],
      /broken\.jpg/,
    ],
    [
      'weights of another model',
      ['--model', 'cifarResnet32', '--weights', weights, 'a.png'],
      /missing.*layer1\.3\.conv1\.weight.* …\nare these the weights of another network than --model cifarResnet32\?/,
    ],
    [
      'labels that are not there',
      [...network, '--labels', 'none.txt', 'a.png'],
      /--labels: 'none\.txt' is neither/,
    ],
    [
      'labels that do not fit',
      [...network, '--labels', 'three.txt', 'a.png'],
      /linear\.weight is \[10, 64\], expected \[3, 64\][\s\S]*built with 3 outputs.*--labels/,
    ],
    ['no image in a folder', [...network, 'empty'], /no images in folder 'empty'\n.*no images to classify/],
    ['a device that is not there', [...network, '--device', 'cuda:99', 'a.png'], /cuda:99|cuda/],
  ])('%s: status 2 and one clear message', async (_name, args, text) => {
    const { status, output, errors } = await classifyCommand(args);
    expect(errors).toMatch(text);
    expect(status).toBe(2);
    expect(output).toBe('');
    expect(errors).not.toMatch(/\n\s+at /);
  });

  it('no image and a terminal on standard input: says how to name one, instead of waiting', async () => {
    const { status, errors } = await classifyCommand(network, { input: 'terminal' });
    expect(status).toBe(2);
    expect(errors).toMatch(/no images given/);
  });

  it.each([
    ['ten.txt', /name \d/],
    ['ten.json', /json \d/],
    ['cifar10', /airplane|automobile|bird|cat|deer|dog|frog|horse|ship|truck/],
  ])('--labels %s', async (labels, text) => {
    const { status, output } = await classifyCommand([...network, '--labels', labels, '--top', '1', 'a.png']);
    expect(status).toBe(0);
    expect(output).toMatch(text);
  });

  it('--help and --version: status 0, on standard output', async () => {
    const help = await classifyCommand(['--help']);
    expect(help.status).toBe(0);
    for (const option of ['model', 'weights', 'labels', 'top', 'batch', 'threads', 'device', 'json']) {
      expect(help.output).toContain(`--${option}`);
    }
    const version = await classifyCommand(['--version']);
    expect(version).toMatchObject({ status: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it('a terminal gets a progress bar with rate and time left, which a pipe does not', async () => {
    const args = [...network, '--batch', '2', 'a.png', 'b2.JPG', 'b10.jpg', 'photos'];
    const onTerminal = await classifyCommand(args, { terminal: true });
    expect(onTerminal.errors).toMatch(/[1-6]\/6 images \| \d+\.\d images\/s \| .* left/);
    const piped = await classifyCommand(args);
    expect(piped.errors).toBe('');
    expect(piped.output).toBe(onTerminal.output);
  });
});

function runProgram(
  args: readonly string[],
  input?: Uint8Array,
): Promise<{ status: number | null; output: string; errors: string }> {
  return new Promise((resolve) => {
    const program = join(import.meta.dirname, '..', 'dist', 'cli.js');
    const child = spawn(process.execPath, [program, ...args], { cwd: folder });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('close', (status) => resolve({ status, output, errors }));
    child.stdin.end(input);
  });
}

describe('the program itself', () => {
  it('ends with the status, and reads standard input', async () => {
    const good = await runProgram([...network, '--top', '1'], readFileSync(join(folder, 'a.png')));
    expect(good).toMatchObject({ status: 0, errors: '' });
    expect(good.output).toMatch(/^-: [01]\.\d{4} {2}\w+\n$/);
    expect((await runProgram([...network, 'broken.jpg'])).status).toBe(1);
    expect((await runProgram(['a.png'])).status).toBe(2);
  });
});

if (!hasCifar10)
  console.log('cli.test.ts: real images skipped, ../shared/data/cifar10-resnet20 is not there');

describe.skipIf(!hasCifar10)('end to end with a trained network (skipped without ../shared/data)', () => {
  it('classifies 20 of 20 lossless CIFAR-10 images, as PNG files in a folder', async () => {
    const images = readCifar10('lossless-test20.bin');
    const target = join(folder, 'cifar');
    mkdirSync(target);
    for (let index = 0; index < images.count; index++) {
      const raw = { raw: { width: 32, height: 32, channels: 3 as const } };
      await sharp(images.rgb(index), raw)
        .png()
        .toFile(join(target, `image${index}.png`));
    }
    const args = ['--model', 'cifarResnet20', '--weights', cifar10Weights, '--top', '1', '--json', target];
    const { status, output, errors } = await runProgram(args);
    expect(errors).toBe('');
    expect(status).toBe(0);
    const entries = JSON.parse(output) as {
      image: string;
      predictions: { index: number; label: string }[];
    }[];
    expect(entries.map(({ image }) => image)).toEqual(
      Array.from({ length: 20 }, (_, index) => join(target, `image${index}.png`)),
    );
    expect(entries.map(({ predictions }) => predictions[0]!.index)).toEqual([...images.labels]);
    expect(
      entries.every(({ predictions }) => cifar10Labels[predictions[0]!.index] === predictions[0]!.label),
    ).toBe(true);
  });
});
