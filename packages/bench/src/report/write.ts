import { reportMarkdown } from '../markdown/report.ts';
import { readResults } from '../results/index.ts';
import { renderHtml } from './page/html.ts';
import type { Source } from './sections/gather.ts';
import { reportView } from './sections/view.ts';

export type { Source } from './sections/gather.ts';

/** One HTML file, with charts, that needs nothing else. */
export function htmlReport(sources: readonly [Source, ...Source[]]): Promise<string> {
  return renderHtml(reportView(sources));
}

/** Tables for a README. */
export function markdownReport(sources: readonly [Source, ...Source[]]): string {
  return reportMarkdown(reportView(sources));
}

/** @throws ResultsError naming the first file that is not results of this fusor-bench */
export function readSources(paths: readonly string[]): Promise<Source[]> {
  return Promise.all(paths.map(async (path) => ({ name: path, results: await readResults(path) })));
}
