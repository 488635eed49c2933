import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliDecompress } from 'node:zlib';
import { escapeHtml, jsonForScript } from './escape.ts';
import type { Cell, Figure, Headline, ReportView, Section, Table } from './view.ts';

/**
 * The report as one HTML file that needs nothing else: style, script and data are inside, and its content security
 * policy allows this one script, by its hash, and no request at all.
 */
export async function renderHtml(view: ReportView): Promise<string> {
  const [style, script] = await Promise.all([asset('page.css.br'), asset('page.js.br')]);
  const hash = createHash('sha256').update(script).digest('base64');
  const charts = Object.fromEntries(
    view.sections
      .flatMap(({ figures }) => figures)
      .filter(({ chart }) => chart !== undefined)
      .map(({ id, chart }) => [id, chart]),
  );
  // Observable Plot puts a <style> of its own into each chart, which is why styles are allowed inline.
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="fusor-bench report">
<title>${escapeHtml(view.title)}</title>
<link rel="icon" href="${icon}">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#${escapeHtml(view.sections[0]?.id ?? 'measured')}">Skip to the results</a>
<header>
<div class="title">
<p class="eyebrow">Fusor benchmark</p>
${themeSwitch}
</div>
<h1>${escapeHtml(view.title)}</h1>
<p class="subtitle">${escapeHtml(view.subtitle)}</p>
${view.headlines.length === 0 ? '' : `<ul class="headlines">${view.headlines.map(headline).join('')}</ul>`}
${view.warnings.length === 0 ? '' : `<ul class="warnings" aria-label="Read with care">${view.warnings.map((text) => `<li>${escapeHtml(text)}</li>`).join('')}</ul>`}
${contents(view.sections)}
</header>
<main>
${view.sections.map(section).join('\n')}
<section id="measured" aria-labelledby="measured-title">
<h2 id="measured-title">How it was measured</h2>
<dl class="facts">${view.facts.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>
<h3 class="runs">Runs</h3>
${scrolling(view.runs)}
</section>
</main>
<noscript><style>.chart,.themes,.hint{display:none}</style></noscript>
<div id="said" class="visually-hidden" role="status"></div>
<script type="application/json" id="charts">${jsonForScript(charts)}</script>
<script>${script}</script>
</body>
</html>
`;
}

async function asset(name: string): Promise<string> {
  const packed = await readFile(new URL(`../assets/${name}`, import.meta.url));
  return (await promisify(brotliDecompress)(packed)).toString();
}

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%230072b2' d='M2 2h12v3H2zM2 7h8v3H2zM2 12h4v2H2z'/%3E%3C/svg%3E";

const themeSwitch = `<fieldset class="themes"><legend class="visually-hidden">Colours</legend>${[
  ['auto', 'Auto'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]
  .map(
    ([value, label]) =>
      `<label><input type="radio" name="theme" value="${value}"${value === 'auto' ? ' checked' : ''}><span>${label}</span></label>`,
  )
  .join('')}</fieldset>`;

function headline({ value, label, note }: Headline): string {
  return `<li><strong>${escapeHtml(value)}</strong><span class="headline-label">${escapeHtml(label)}</span>${note === undefined ? '' : `<small>${escapeHtml(note)}</small>`}</li>`;
}

function contents(sections: readonly Section[]): string {
  if (sections.length < 2) return '';
  const links = [...sections, { id: 'measured', title: 'How it was measured' }].map(
    ({ id, title }) => `<li><a href="#${escapeHtml(id)}">${escapeHtml(title)}</a></li>`,
  );
  return `<nav aria-label="Contents"><ol>${links.join('')}</ol></nav>`;
}

function section({ id, title, paragraphs, figures }: Section): string {
  const anchor = escapeHtml(id);
  return `<section id="${anchor}" aria-labelledby="${anchor}-title">
<h2 id="${anchor}-title">${escapeHtml(title)}</h2>
${paragraphs.map((text) => `<p class="prose">${escapeHtml(text)}</p>`).join('\n')}
<div class="figures">
${figures.map(figure).join('\n')}
</div>
</section>`;
}

function figure({ id, title, description, chart, summary, table, openTable, half }: Figure): string {
  const anchor = escapeHtml(id);
  const drawing =
    chart === undefined
      ? ''
      : `<div class="chart" data-chart="${anchor}" data-kind="${chart.kind}" aria-describedby="${anchor}-what"></div>`;
  const numbers = scrolling(table);
  return `<figure id="${anchor}"${half ? ' class="half"' : ''}>
<figcaption><h3>${escapeHtml(title)}</h3><p id="${anchor}-what">${escapeHtml(description)}</p></figcaption>
${drawing}
${summary === undefined ? '' : scrolling(summary)}
${openTable ? numbers : `<details><summary>Numbers</summary>${numbers}</details>`}
</figure>`;
}

/** A table scrolls by itself where it is wider than the page; the keyboard can scroll it too. */
function scrolling(table: Table): string {
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escapeHtml(table.caption)}">${renderTable(table)}</div>`;
}

function renderTable({ caption, columns, rows }: Table): string {
  const head = columns.map(
    ({ title, align }) => `<th scope="col" class="${align}">${escapeHtml(title)}</th>`,
  );
  const body = rows.map(
    (row) =>
      `<tr>${row.map((cell, index) => renderCell(cell, columns[index]?.align ?? 'left')).join('')}</tr>`,
  );
  return `<table><caption class="visually-hidden">${escapeHtml(caption)}</caption><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table>`;
}

function renderCell(cell: Cell, align: 'left' | 'right'): string {
  if (typeof cell === 'string') return `<td class="${align}">${escapeHtml(cell)}</td>`;
  return `<td class="${align} ${cell.tone}">${escapeHtml(cell.text)}</td>`;
}
