import { ArgumentError } from '@fusor/errors';
import { getThreads } from '@fusor/native';
import { benchmarkKernels, kernelRows } from '../kernels/benchmark.ts';
import type { KernelCase } from '../kernels/case.ts';
import { convolutionCase, networkConvolutions } from '../kernels/convolution.ts';
import { parseConvolution } from '../kernels/convolution-shape.ts';
import { operationCases, operationNames } from '../kernels/operations.ts';
import { formatKernels, kernelsAgree } from '../kernels/report.ts';
import { startProgress } from '../progress.ts';
import { writeResults } from '../results/envelope.ts';
import { count, counts, seconds, words } from './arguments.ts';
import type { AddCommand } from './command.ts';

interface KernelsFlags {
  readonly op: readonly string[];
  readonly network: readonly string[];
  readonly only?: string;
  readonly shape: readonly string[];
  readonly batch: readonly number[];
  readonly threads?: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly rivals: readonly string[] | false;
  readonly json?: string;
  readonly quiet: boolean;
}

export const addKernels: AddCommand = (program, finish) => {
  program
    .command('kernels')
    .description('single operations: next to onnxruntime, oneDNN and a plain copy, in turns')
    .option('--op <names>', `conv2d, ${operationNames.join(', ')}, all`, words, ['conv2d'])
    .option('--network <names>', 'whose convolutions', words, ['resnet18', 'resnet50'])
    .option(
      '--shape <shape>',
      'a shape of your own, repeatable',
      (text: string, so: string[]) => [...so, text],
      [],
    )
    .option('--only <text>', 'rows whose shape has this text, such as 3x3')
    .option('--batch <sizes>', 'images per run of convolutions, separated by commas', counts, [1])
    .option(
      '--threads <counts>',
      'threads of every engine, separated by commas (default: all physical cores)',
      counts,
    )
    .option('--rounds <n>', 'turns of each engine', count, 9)
    .option('--seconds <s>', 'seconds that each engine runs per row', seconds, 0.3)
    .option('--rivals <names>', 'onnxruntime, onednn', words, ['onnxruntime', 'onednn'])
    .option('--no-rivals', 'Fusor alone')
    .option('--json <file>', 'also write everything measured to a file')
    .option('--quiet', 'no progress bar', false)
    .addHelpText(
      'after',
      `
Examples:
  fusor-bench kernels --network resnet50 --only 3x3 --threads 1,2
  fusor-bench kernels --op layerNorm,addLayerNorm --shape 512x768
  fusor-bench kernels --shape 'c64 k64 56x56 3x3 p1 +relu' --batch 1,8
A convolution is c (input channels), k (output channels), image, kernel, s (stride), p (padding), d (dilation), g (groups),
+residual, +relu. linear takes rows x inputs x outputs, matmul m x k x n, all others the sizes of their input.`,
    )
    .action(
      async (
        flags: KernelsFlags,
        command: { readonly parent: { readonly rawArgs: readonly string[] } | null },
      ) => finish(await runKernels(flags, command.parent?.rawArgs ?? [])),
    );
};

async function runKernels(flags: KernelsFlags, command: readonly string[]): Promise<number> {
  const cases = await chooseCases(flags);
  const rivals = flags.rivals === false ? [] : flags.rivals;
  const unknown = rivals.find((name) => name !== 'onnxruntime' && name !== 'onednn');
  if (unknown !== undefined)
    throw new ArgumentError(`--rivals '${unknown}': there is onnxruntime and onednn`);
  const settings = { ...flags, rivals, threads: flags.threads ?? [getThreads()], batches: flags.batch };
  const progress = startProgress(kernelRows(cases, settings).length, flags.quiet);
  const results = await benchmarkKernels(cases, { ...settings, command, progress }).finally(() =>
    progress.stop(),
  );
  console.log(formatKernels(results));
  if (flags.json !== undefined) await writeResults(flags.json, results);
  return kernelsAgree(results) ? 0 : 1;
}

async function chooseCases({ op, network, shape, only }: KernelsFlags): Promise<KernelCase[]> {
  const names = op.includes('all') ? ['conv2d', ...operationNames] : op;
  if (shape.length > 0 && names.length > 1) throw new ArgumentError('--shape: give one --op for it');
  const cases: KernelCase[] = [];
  for (const name of names) {
    if (name !== 'conv2d') cases.push(...operationCases(name, shape));
    else if (shape.length > 0) cases.push(...shape.map((text) => convolutionCase(parseConvolution(text))));
    else cases.push(...(await networkConvolutions(network)));
  }
  const chosen = only === undefined ? cases : cases.filter((kernel) => kernel.shape.includes(only));
  if (chosen.length === 0) throw new ArgumentError(`--only '${only}': no shape has it`);
  return chosen;
}
