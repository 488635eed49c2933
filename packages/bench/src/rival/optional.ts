import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** An installed package that this one does not depend on. */
export interface OptionalPackage {
  readonly version: string;
  /** The file that `import` gives, as a URL. */
  readonly url: string;
  readonly folder: string;
}

/**
 * Finds a package where this one can see it, or else the current folder: who installed `fusor-bench` globally has rivals
 * in a project. The error of a package that is nowhere has the code `MODULE_NOT_FOUND`.
 * @param specifier what `import` takes: a name, or a file that the package exports
 */
export async function findPackage(specifier: string): Promise<OptionalPackage> {
  const entry = resolve(specifier);
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    if (manifest === undefined) continue;
    const { name: found, version } = JSON.parse(manifest) as { name?: string; version?: string };
    if (found === name) return { version: String(version), url: pathToFileURL(entry).href, folder };
  }
  throw new Error(`${name} has no package.json`);
}

function resolve(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return createRequire(join(process.cwd(), 'package.json')).resolve(name);
  }
}

/** Why a package cannot be used, in words. */
export function whyNot(name: string, error: unknown, howToGet: string): string {
  const code = (error as { code?: unknown }).code;
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    return `${name} is not installed (${howToGet})`;
  }
  return `${name} cannot be loaded: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
}
