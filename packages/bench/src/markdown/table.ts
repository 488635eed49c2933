import type { Cell, Table } from '../report/page/view.ts';

/** A table as GitHub and npm show it, its columns padded so that the text reads as well. */
export function markdownTable({ columns, rows }: Table): string {
  const head = columns.map(({ title }) => escapeMarkdown(title));
  const body = rows.map((row) => row.map(cellText));
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...body.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (text: string, column: number) =>
    columns[column]!.align === 'right' ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  const line = (cells: readonly string[]) => `| ${cells.map(pad).join(' | ')} |`;
  const rule = columns.map(({ align }, column) => {
    const dashes = '-'.repeat(widths[column]! - (align === 'right' ? 1 : 0));
    return align === 'right' ? `${dashes}:` : dashes;
  });
  return [line(head), `| ${rule.join(' | ')} |`, ...body.map(line)].join('\n');
}

function cellText(cell: Cell): string {
  if (typeof cell === 'string') return escapeMarkdown(cell);
  const text = escapeMarkdown(cell.text);
  return cell.tone === 'bad' ? `**${text}**` : text;
}

/** Nothing in a name ends a cell, starts an element or becomes a link. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]|~]/g, '\\$&')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;');
}
