import Table from 'cli-table3';
import { escapeMarkdown, markdownTable } from '../markdown/table.ts';
import type { Cell, Table as TableView } from '../report/page/view.ts';
import { dateText, digits } from '../report/sections/format.ts';
import { plural } from '../report-text.ts';
import type { ComparedRow, ComparedRun, ComparisonReport } from './compare.ts';

const marks = { faster: '+ faster', slower: '- SLOWER', noise: '= noise' } as const;

/** The comparison as text for a terminal. */
export function formatComparison(report: ComparisonReport): string {
  const view = tableOf(report);
  const table = new Table({
    head: view.columns.map(({ title }) => title),
    colAligns: view.columns.map(({ align }) => align),
    style: { head: [], border: [], compact: true },
  });
  for (const row of view.rows) table.push(row.map((cell) => (typeof cell === 'string' ? cell : cell.text)));
  return [...heading(report), '', table.toString(), '', ...summary(report)].join('\n');
}

/** The comparison as Markdown. */
export function comparisonMarkdown(report: ComparisonReport): string {
  return [
    ...heading(report).map((line) => `- ${escapeMarkdown(line)}`),
    '',
    markdownTable(tableOf(report)),
    '',
    ...summary(report).map(escapeMarkdown),
    '',
  ].join('\n');
}

function heading(report: ComparisonReport): string[] {
  const { alpha, threshold, against, warnings } = report;
  const what = against === undefined ? 'times' : `times as multiples of ${against}'s in the same round`;
  return [
    `before: ${runText(report.before)}`,
    `after: ${runText(report.after)}`,
    `${what}; a change counts with p ≤ ${alpha} (rank-sum test of the rounds) and more than ${percent(threshold)}`,
    ...warnings.map((text) => `careful: ${text}`),
  ];
}

/** `2%`, `99.5%` */
function percent(share: number): string {
  return `${Number((100 * share).toPrecision(4))}%`;
}

function runText({ file, date, fusor, rounds }: ComparedRun): string {
  return `${file}, ${dateText(date)}, Fusor ${fusor.commit ?? fusor.version}, ${plural(rounds, 'round')}`;
}

function tableOf({ rows, against, alpha }: ComparisonReport): TableView {
  const unit = against === undefined ? 'ms' : `× ${against}`;
  return {
    caption: 'What changed',
    columns: [
      { title: 'row', align: 'left' },
      { title: 'engine', align: 'left' },
      { title: `before, ${unit}`, align: 'right' },
      { title: `after, ${unit}`, align: 'right' },
      { title: 'speed now', align: 'right' },
      { title: `${percent(1 - alpha)} interval`, align: 'right' },
      { title: 'p', align: 'right' },
      { title: 'verdict', align: 'left' },
    ],
    rows: rows.map((row) => [
      row.row,
      row.engine.label,
      digits(row.before.median),
      digits(row.after.median),
      `${row.speed.median.toFixed(2)}×`,
      `${row.speed.lower.toFixed(2)} – ${row.speed.upper.toFixed(2)}`,
      row.p < 0.0001 ? '<0.0001' : row.p.toFixed(4),
      verdictCell(row),
    ]),
  };
}

function verdictCell({ verdict, note, noisy, engine }: ComparedRow): Cell {
  const notes = [...(note === undefined ? [] : [note]), ...(noisy ? ['noisy'] : [])];
  const text = `${marks[verdict]}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
  if (verdict === 'noise') return { text, tone: 'noisy' };
  return engine.kind === 'rival' ? text : { text, tone: verdict === 'faster' ? 'good' : 'bad' };
}

function summary({ rows, onlyBefore, onlyAfter }: ComparisonReport): string[] {
  const own = rows.filter(({ engine }) => engine.kind === 'fusor');
  const count = (verdict: ComparedRow['verdict']) => own.filter((row) => row.verdict === verdict).length;
  const lines = [
    `Fusor: ${count('faster')} faster, ${count('slower')} slower, ${count('noise')} within the noise, of ${plural(own.length, 'row')}`,
  ];
  const few = own.filter(({ note }) => note === 'too few rounds').length;
  if (few > 0)
    lines.push(`${plural(few, 'row')} had too few rounds to tell: measure with --rounds 5 or more`);
  if (onlyBefore.length > 0) lines.push(`only before: ${onlyBefore.join('; ')}`);
  if (onlyAfter.length > 0) lines.push(`only after: ${onlyAfter.join('; ')}`);
  return lines;
}
