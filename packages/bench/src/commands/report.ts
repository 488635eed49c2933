import { htmlReport, markdownReport, readSources, type Source } from '../report/write.ts';
import type { AddCommand } from './command.ts';
import { checkOutput, destination, writeText } from './output.ts';

interface ReportFlags {
  readonly html?: string;
  readonly markdown?: string | true;
}

const defaultFile = 'fusor-report.html';

export const addReport: AddCommand = (program, finish) => {
  program
    .command('report')
    .description('one HTML file with charts, from files that --json wrote')
    .argument('<files...>', 'results; where two have the same row, the report shows what changed')
    .option(
      '--html <file>',
      `where to write the page (default: ${defaultFile}, unless only Markdown is asked for)`,
    )
    .option('--markdown [file]', 'write tables as Markdown; without a file to standard output')
    .addHelpText(
      'after',
      `
Examples:
  fusor-bench report models.json kernels.json            writes ${defaultFile}
  fusor-bench report before.json after.json              and what changed between them
  fusor-bench report docs/performance/*.json --markdown  tables for a README, on standard output`,
    )
    .action(async (files: string[], flags: ReportFlags) => {
      await runReport(files, flags);
      finish(0);
    });
};

async function runReport(files: readonly string[], flags: ReportFlags): Promise<void> {
  checkOutput(flags);
  const sources = (await readSources(files)) as [Source, ...Source[]];
  const markdown = destination(flags.markdown);
  const html = flags.html ?? (markdown === undefined ? defaultFile : undefined);
  if (markdown === '-') process.stdout.write(markdownReport(sources));
  else if (markdown !== undefined) await write(markdown, markdownReport(sources));
  if (html !== undefined) await write(html, await htmlReport(sources));
}

async function write(path: string, text: string): Promise<void> {
  await writeText(path, text);
  console.error(`wrote ${path}`);
}
