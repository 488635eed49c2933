import { ArgumentError } from '@fusor/errors';
import { getThreads } from '@fusor/native';
import type { Command } from 'commander';
import { benchmarkKernels, kernelRivals, kernelRows } from '../kernels/benchmark.ts';
import type { KernelCase } from '../kernels/case.ts';
import { convolutionCase, networkConvolutions } from '../kernels/convolution.ts';
import { parseConvolution } from '../kernels/convolution-shape.ts';
import { operationCases, operationNames } from '../kernels/operations.ts';
import { formatKernels, kernelsAgree } from '../kernels/report.ts';
import { startProgress } from '../progress.ts';
import { markdownReport } from '../report/write.ts';
import { resultsJson } from '../results/json.ts';
import { words } from './arguments.ts';
import type { AddCommand } from './command.ts';
import {
  addMeasuring,
  addOutput,
  addRivals,
  chosenRivals,
  commandLine,
  type MeasuringFlags,
  type OutputFlags,
} from './options.ts';
import { checkOutput, writeOutput } from './output.ts';

interface KernelsFlags extends MeasuringFlags, OutputFlags {
  readonly op: readonly string[];
  readonly network: readonly string[];
  readonly only?: string;
  readonly shape: readonly string[];
  readonly rivals?: readonly string[] | boolean;
}

export const addKernels: AddCommand = (program, finish) => {
  const command = program
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
    .option('--only <text>', 'rows whose shape has this text, such as 3x3');
  addMeasuring(command, { batch: [1], rounds: 9, seconds: 0.3 });
  addRivals(command, kernelRivals);
  addOutput(command)
    .addHelpText(
      'after',
      `
Examples:
  fusor-bench kernels --network resnet50 --only 3x3 --threads 1,2
  fusor-bench kernels --op layerNorm,addLayerNorm --shape 512x768
  fusor-bench kernels --shape 'c64 k64 56x56 3x3 p1 +relu' --batch 1,8
A convolution is c (input channels), k (output channels), image, kernel, s (stride), p (padding), d (dilation), g (groups),
+residual, +relu. linear takes rows x inputs x outputs, matmul m x k x n, all others the sizes of their input; --batch is
for convolutions.
Exit status: 0 measured, 1 engines gave different results, 2 not measured.`,
    )
    .action(async (flags: KernelsFlags, self: Command) => finish(await runKernels(flags, commandLine(self))));
};

async function runKernels(flags: KernelsFlags, command: readonly string[]): Promise<number> {
  checkOutput(flags);
  const cases = await chooseCases(flags);
  const rivals = chosenRivals(flags.rivals, kernelRivals);
  const settings = { ...flags, rivals, threads: flags.threads ?? [getThreads()], batches: flags.batch };
  const progress = startProgress(flags.progress);
  progress.total(kernelRows(cases, settings).length);
  const results = await benchmarkKernels(cases, { ...settings, command, progress }).finally(() =>
    progress.stop(),
  );
  await writeOutput(flags, {
    text: () => formatKernels(results),
    json: () => resultsJson(results),
    markdown: () => markdownReport([{ name: 'this run', results }]),
  });
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
