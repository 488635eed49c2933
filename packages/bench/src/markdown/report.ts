import type { ReportView } from '../report/page/view.ts';
import { escapeMarkdown, markdownTable } from './table.ts';

/** The report as Markdown: what was measured and how, and every table but the long ones. */
export function reportMarkdown({ title, subtitle, warnings, facts, runs, sections }: ReportView): string {
  const parts = [`## ${escapeMarkdown(title)}`, escapeMarkdown(subtitle)];
  if (warnings.length > 0) parts.push(warnings.map((text) => `> ${escapeMarkdown(text)}`).join('\n>\n'));
  for (const section of sections) {
    const tables = section.figures.flatMap(({ title, bulky, summary, table }) => [
      ...(summary === undefined ? [] : [{ title, table: summary }]),
      ...(bulky ? [] : [{ title, table }]),
    ]);
    if (tables.length === 0) continue;
    parts.push(`### ${escapeMarkdown(section.title)}`);
    for (const { title, table } of tables) {
      parts.push(`#### ${escapeMarkdown(title)}`, markdownTable(table));
    }
  }
  parts.push(
    '### How it was measured',
    facts.map(([name, value]) => `- ${escapeMarkdown(name)}: ${escapeMarkdown(value)}`).join('\n'),
    markdownTable(runs),
  );
  return `${parts.join('\n\n')}\n`;
}
