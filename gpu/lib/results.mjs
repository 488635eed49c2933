// What a check found, case by case, kept in a folder: results.json (read again by the next call, which goes on from it),
// results.md and results.html for people. Written after every case, so that a call that is cut off loses one.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MARKS = { passed: '✓', failed: '✗', skipped: '–', measured: '·' };

export class Results {
  #folder;
  #state;

  /** @param about what must be the same for results to be kept: device, version */
  constructor(folder, about) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    const file = join(folder, 'results.json');
    const before = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
    if (before !== undefined && JSON.stringify(before.about) !== JSON.stringify(about)) {
      throw new Error(`${file} is of ${JSON.stringify(before.about)}; give another folder`);
    }
    this.#state = before ?? { about, stages: {} };
  }

  get folder() {
    return this.#folder;
  }

  /** Whether a case needs no other run: it has passed, or was measured. Failed and skipped ones are tried again. */
  isDone(stage, name) {
    const status = this.#state.stages[stage]?.[name]?.status;
    return status === 'passed' || status === 'measured';
  }

  /** `result`: { status: 'passed' | 'failed' | 'skipped' | 'measured', seconds?, detail?, values? } */
  add(stage, name, result) {
    this.#state.stages[stage] ??= {};
    this.#state.stages[stage][name] = result;
    console.log(
      `${MARKS[result.status]} ${stage}: ${name}${result.detail ? `: ${firstLine(result.detail)}` : ''}`,
    );
    this.#write('results.json', `${JSON.stringify(this.#state, null, 1)}\n`);
    this.#write('results.md', markdown(this.#state));
    this.#write('results.html', html(this.#state));
  }

  count(status) {
    return Object.values(this.#state.stages)
      .flatMap((cases) => Object.values(cases))
      .filter((result) => result.status === status).length;
  }

  // A reader never sees half a file.
  #write(name, text) {
    const file = join(this.#folder, name);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }
}

const firstLine = (text) => text.split('\n', 1)[0];
const seconds = (result) => (result.seconds === undefined ? '' : `${result.seconds.toFixed(2)} s`);
const told = (result) =>
  result.values === undefined
    ? (result.detail ?? '')
    : Object.entries(result.values)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ');

function summary(cases) {
  const counts = Object.keys(MARKS).map((status) => [
    status,
    Object.values(cases).filter((result) => result.status === status).length,
  ]);
  return counts
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${count} ${status}`)
    .join(', ');
}

// Of tests that passed there is nothing to say but how many.
const worthALine = ([, result]) => result.status !== 'passed';

function markdown({ about, stages }) {
  const lines = [`# GPU check: ${Object.values(about).join(', ')}`, ''];
  for (const [stage, cases] of Object.entries(stages)) {
    lines.push(`## ${stage}: ${summary(cases)}`, '');
    const rows = Object.entries(cases).filter(worthALine);
    if (rows.length === 0) continue;
    lines.push('| | case | | |', '| --- | --- | --- | --- |');
    for (const [name, result] of rows) {
      const detail = told(result).replace(/\s+/g, ' ').replaceAll('|', '\\|');
      lines.push(`| ${MARKS[result.status]} | ${name} | ${seconds(result)} | ${detail} |`);
    }
    lines.push('');
  }
  return `${lines.join('\n')}\n`;
}

const escaped = (text) => String(text).replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

function html({ about, stages }) {
  const sections = Object.entries(stages).map(([stage, cases]) => {
    const rows = Object.entries(cases).map(
      ([name, result]) =>
        `<tr class="${result.status}"><td>${MARKS[result.status]}<td>${escaped(name)}<td>${seconds(result)}` +
        `<td><pre>${escaped(told(result))}</pre>`,
    );
    return `<h2>${escaped(stage)}: ${summary(cases)}</h2><table>${rows.join('\n')}</table>`;
  });
  const title = `GPU check: ${escaped(Object.values(about).join(', '))}`;
  const style =
    'body{font:15px system-ui;margin:2em}td{padding:0 .8em;vertical-align:top}pre{margin:0;white-space:pre-wrap}' +
    '.failed{background:#fdd}.skipped{color:#777}';
  return `<!doctype html><meta charset="utf-8"><title>${title}</title><style>${style}</style><h1>${title}</h1>${sections.join('\n')}\n`;
}
