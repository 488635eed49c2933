import { writeFile } from 'node:fs/promises';
import { FusorError } from '@fusor/errors';
import { htmlReport, markdownReport, readSources, type Source } from '../report/write.ts';
import type { AddCommand } from './command.ts';

interface ReportFlags {
  readonly html?: string;
  readonly markdown?: string;
}

const defaultFile = 'fusor-report.html';

export const addReport: AddCommand = (program, finish) => {
  program
    .command('report')
    .description('One HTML file with charts, from files that --json wrote')
    .argument('<files...>', 'results; where two have the same row, the report shows what changed')
    .option(
      '--html <file>',
      `where to write the page (default: ${defaultFile}, unless only Markdown is asked for)`,
    )
    .option('--markdown <file>', 'write tables for a README, - for standard output')
    .action(async (files: string[], flags: ReportFlags) => {
      await runReport(files, flags);
      finish(0);
    });
};

async function runReport(files: readonly string[], flags: ReportFlags): Promise<void> {
  const sources = (await readSources(files)) as [Source, ...Source[]];
  const html = flags.html ?? (flags.markdown === undefined ? defaultFile : undefined);
  if (flags.markdown === '-') process.stdout.write(markdownReport(sources));
  else if (flags.markdown !== undefined) await writeText(flags.markdown, markdownReport(sources));
  if (html !== undefined) await writeText(html, await htmlReport(sources));
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (cause) {
    const { code } = cause as { code?: string };
    throw new FusorError(`${path}: cannot be written (${code ?? String(cause)})`, 'ERR_FUSOR_WRITE', {
      cause,
    });
  }
  console.error(`wrote ${path}`);
}
