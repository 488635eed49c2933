import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ArgumentError, FusorError } from '@fusor/errors';
import type { OutputFlags } from './options.ts';

/** What a command found out, in each form; only the forms that are asked for are made. */
export interface Forms {
  /** For a terminal. */
  text(): string;
  json(): string;
  markdown(): string;
}

/** Where `--json` or `--markdown` writes; `-` is standard output, undefined nowhere. */
export function destination(value: string | true | undefined): string | undefined {
  return value === true ? '-' : value;
}

/**
 * Refuses destinations that are a mistake, before anything is measured: `--markdown results.json` would overwrite what
 * it was meant to read.
 */
export function checkOutput(flags: OutputFlags & { readonly html?: string }): void {
  if (destination(flags.json) === '-' && destination(flags.markdown) === '-') {
    throw new ArgumentError('--json and --markdown: only one of them can go to standard output');
  }
  for (const [flag, value] of Object.entries({ markdown: flags.markdown, html: flags.html })) {
    if (typeof value === 'string' && value.endsWith('.json')) {
      throw new ArgumentError(`--${flag} ${value}: it would overwrite a results file; name another file`);
    }
  }
}

/** Writes the files that were asked for, and to standard output the one form that belongs there. */
export async function writeOutput(flags: OutputFlags, forms: Forms): Promise<void> {
  const [json, markdown] = [destination(flags.json), destination(flags.markdown)];
  if (json !== '-' && markdown !== '-') process.stdout.write(withNewline(forms.text()));
  for (const [path, form] of [
    [json, () => forms.json()],
    [markdown, () => forms.markdown()],
  ] as const) {
    if (path === '-') process.stdout.write(withNewline(form()));
    else if (path !== undefined) await writeText(path, withNewline(form()));
  }
}

/** Writes a file and says so. */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (cause) {
    const { code } = cause as { code?: string };
    throw new FusorError(`${path}: cannot be written (${code ?? String(cause)})`, 'ERR_FUSOR_WRITE', {
      cause,
    });
  }
}

function withNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
