import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ArgumentError } from '@fusor/errors';
import { cifar10Labels } from '../labels/cifar10.ts';
import { imagenetLabels } from '../labels/imagenet.ts';

/**
 * Class names for `--labels`: `imagenet`, `cifar10`, or a file, either a JSON array of strings or one name per line.
 * @throws ArgumentError where the file cannot be read or holds no names.
 */
export async function loadLabels(nameOrPath: string, cwd: string): Promise<readonly string[]> {
  if (nameOrPath === 'imagenet') return imagenetLabels;
  if (nameOrPath === 'cifar10') return cifar10Labels;
  let text: string;
  try {
    text = await readFile(resolve(cwd, nameOrPath), 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ArgumentError(
      `--labels: '${nameOrPath}' is neither 'imagenet' nor 'cifar10' nor a file that can be read (${reason})`,
      { cause: error },
    );
  }
  const labels = parseLabels(text.replace(/^\uFEFF/, ''), nameOrPath);
  if (labels.length === 0) throw new ArgumentError(`--labels: '${nameOrPath}' holds no names`);
  return labels;
}

function parseLabels(text: string, path: string): string[] {
  if (!text.trimStart().startsWith('[')) return text.trimEnd().split(/\r?\n/).filter(isNotOnlyLine);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new ArgumentError(`--labels: '${path}' begins like JSON but is not: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (!Array.isArray(parsed) || !parsed.every((label) => typeof label === 'string')) {
    throw new ArgumentError(`--labels: '${path}' must be a JSON array of strings`);
  }
  return parsed;
}

// An empty line between names keeps its index (the class has no name); an empty file is one empty line, and no name.
function isNotOnlyLine(line: string, _index: number, lines: string[]): boolean {
  return lines.length > 1 || line !== '';
}
