import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';

/** What the arguments of `fusor-classify` came to. */
export interface FoundImages {
  /** Paths in the order of the arguments; those of one folder or pattern sorted, `img2` before `img10`. */
  readonly images: readonly string[];
  /** One sentence for each argument that gave no image at all. */
  readonly problems: readonly string[];
}

// What the decoder reads and people keep photos in. A file named outright is tried whatever it is called.
const inFolders = '**/*.{jpg,jpeg,jpe,jfif,png,webp,gif,tif,tiff,avif}';

/**
 * Turns files, folders (searched all the way down) and glob patterns into a list of files, each of them once. A file
 * that does not exist stays in the list, so that it is reported like any other image that cannot be read.
 */
export async function findImages(inputs: readonly string[], cwd: string): Promise<FoundImages> {
  const images = new Map<string, string>();
  const problems: string[] = [];
  for (const input of inputs) {
    const path = resolve(cwd, input);
    const kind = await kindOf(path);
    let found: string[];
    if (kind === 'folder') {
      const inside = await glob(inFolders, {
        cwd: path,
        caseSensitiveMatch: false,
        expandDirectories: false,
      });
      found = inside.map((file) => join(input, file));
      if (found.length === 0) problems.push(`no images in folder '${input}'`);
    } else if (kind === 'missing' && isDynamicPattern(input)) {
      found = await glob(input, { cwd, expandDirectories: false });
      if (found.length === 0) problems.push(`no file matches '${input}'`);
    } else {
      found = [input];
    }
    found.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    for (const file of found) {
      const key = resolve(cwd, file);
      if (!images.has(key)) images.set(key, file);
    }
  }
  return { images: [...images.values()], problems };
}

async function kindOf(path: string): Promise<'file' | 'folder' | 'missing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch {
    return 'missing';
  }
}
