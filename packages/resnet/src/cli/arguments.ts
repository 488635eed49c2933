import { createRequire } from 'node:module';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { models } from '../models/registry.ts';

/** The command line of `fusor-classify`, checked as far as that goes without opening a file. */
export interface Arguments {
  readonly inputs: readonly string[];
  readonly model: string;
  readonly weights: string;
  readonly labels: string | undefined;
  readonly top: number;
  readonly batch: number;
  readonly threads: number | undefined;
  readonly device: string;
  readonly json: boolean;
}

/** What commander makes of the options: those without a default may be absent. */
interface ParsedOptions extends Pick<Arguments, 'model' | 'top' | 'batch' | 'device' | 'json'> {
  readonly weights?: string;
  readonly labels?: string;
  readonly threads?: number;
}

/** A command line that only asks for help or the version, or that is wrong; the text has been written. */
export class CommandLineEnd extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`command line ended with ${exitCode}`);
    this.exitCode = exitCode;
  }
}

const examples = `
Examples:
  fusor-classify --weights resnet50.pth photo.jpg
  fusor-classify --model resnet18 --weights resnet18.safetensors --top 1 photos/ 'more/**/*.png'
  curl -s https://example.org/photo.jpg | fusor-classify --weights resnet50.pth --json

Weights are .safetensors or PyTorch files. Exit status: 0 all images classified, 1 some could not
be, 2 wrong command line or weights.`;

/**
 * Parses the arguments after the program's name.
 * @throws CommandLineEnd after help, version or a complaint has been written.
 */
export function parseArguments(
  args: readonly string[],
  write: { readonly out: (text: string) => void; readonly err: (text: string) => void },
): Arguments {
  const command = new Command('fusor-classify')
    .description('Says what is on images, with a ResNet and trained weights.')
    .version(packageVersion())
    .argument(
      '[images...]',
      "files, folders, glob patterns, or '-' for an image on standard input (the default)",
    )
    .option('--model <name>', `one of ${Object.keys(models).join(', ')}`, 'resnet50')
    .option('--weights <file>', 'trained weights of that model (required)')
    .option(
      '--labels <file>',
      "class names: 'imagenet', 'cifar10', a text file (one per line) or a JSON array",
    )
    .option('--top <n>', 'classes to show for an image', count, 5)
    .option('--batch <n>', 'images to run at a time', count, 8)
    .option('--threads <n>', 'processor threads (default: all physical cores)', count)
    .option('--device <name>', "'auto', 'cpu', 'cuda', 'cuda:1', ...", 'auto')
    .option('--json', 'write a JSON array instead of text', false)
    .addHelpText('after', examples)
    .configureOutput({ writeOut: write.out, writeErr: write.err })
    .showHelpAfterError('(fusor-classify --help shows all options)')
    .exitOverride();
  try {
    command.parse(args, { from: 'user' });
    const options = command.opts<ParsedOptions>();
    if (options.weights === undefined) {
      command.error(
        "error: option '--weights <file>' is required: without trained weights a classifier can only guess",
      );
    }
    return {
      labels: undefined,
      threads: undefined,
      ...options,
      weights: options.weights!,
      inputs: command.args,
    };
  } catch (error) {
    if (error instanceof CommanderError) throw new CommandLineEnd(error.exitCode === 0 ? 0 : 2);
    throw error;
  }
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_536) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 65536.');
  }
  return value;
}

function packageVersion(): string {
  const manifest = createRequire(import.meta.url)('../../package.json') as { version: string };
  return manifest.version;
}
