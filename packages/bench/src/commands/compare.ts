import { InvalidArgumentError } from 'commander';
import { compareResults, somethingSlower } from '../compare/compare.ts';
import { comparisonMarkdown, formatComparison } from '../compare/report.ts';
import { compareDefaults } from '../compare/timings.ts';
import { readSources } from '../report/write.ts';
import { roundedJson } from '../results/json.ts';
import type { AddCommand } from './command.ts';
import { addOutput, type OutputFlags } from './options.ts';
import { checkOutput, writeOutput } from './output.ts';

interface CompareFlags extends OutputFlags {
  readonly against?: string;
  readonly alpha: number;
  readonly threshold: number;
  readonly failOnSlower: boolean;
}

export const addCompare: AddCommand = (program, finish) => {
  const command = program
    .command('compare')
    .description('two results files row by row: faster, slower, or noise')
    .argument('<before.json>', 'results of models, kernels or startup')
    .argument('<after.json>', 'results of the same kind')
    .option(
      '--against <engine>',
      'compare times as multiples of this engine’s in the same round: onnxruntime',
    )
    .option('--alpha <p>', 'how often chance may look like a change', probability, compareDefaults.alpha)
    .option(
      '--threshold <percent>',
      'smaller changes are noise, in percent',
      percent,
      100 * compareDefaults.threshold,
    )
    .option('--fail-on-slower', 'exit with status 1 if Fusor became slower in a row', false);
  addOutput(command)
    .addHelpText(
      'after',
      `
Examples:
  fusor-bench compare before.json after.json
  fusor-bench compare before.json after.json --against onnxruntime     takes out what the machine itself changed
  fusor-bench compare main.json branch.json --fail-on-slower --threshold 5 --markdown comment.md
The test is that of Wilcoxon, Mann and Whitney on the rounds of both runs; five rounds in each suffice for --alpha 0.01.
Exit status: 0 compared, 1 slower and --fail-on-slower, 2 not compared.`,
    )
    .action(async (before: string, after: string, flags: CompareFlags) =>
      finish(await runCompare([before, after], flags)),
    );
};

async function runCompare(files: readonly [string, string], flags: CompareFlags): Promise<number> {
  checkOutput(flags);
  const [before, after] = await readSources(files);
  const { against, alpha, threshold } = flags;
  const report = compareResults(before!, after!, {
    alpha,
    threshold: threshold / 100,
    ...(against === undefined ? {} : { against }),
  });
  await writeOutput(flags, {
    text: () => formatComparison(report),
    json: () => roundedJson(report),
    markdown: () => comparisonMarkdown(report),
  });
  return flags.failOnSlower && somethingSlower(report) ? 1 : 0;
}

function probability(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < 1)) {
    throw new InvalidArgumentError('It must be a probability between 0 and 1.');
  }
  return value;
}

function percent(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1000)) {
    throw new InvalidArgumentError('It must be a percentage from 0 to 1000.');
  }
  return value;
}
