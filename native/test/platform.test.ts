import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const native = join(import.meta.dirname, '..');
const folder = join(native, 'src/platform');
const files = readdirSync(folder);
/** What the systems must have files for: headers that are not all there is of a thing, or one system's own. */
const things = files
  .filter((name) => name.endsWith('.h') && !['condition.h', 'win32.h'].includes(name))
  .map((name) => name.replace(/\.h$/, ''));

describe('what differs by system', () => {
  test.each(things)('%s is there for each system and once only', (thing) => {
    const kinds = ['x86', 'linux', 'darwin', 'posix', 'windows'].filter((kind) =>
      files.includes(`${thing}_${kind}.cpp`),
    );
    for (const system of ['linux', 'darwin']) {
      expect(kinds.includes(system) || kinds.includes('posix'), `${thing} on ${system}`).toBe(true);
    }
    // Windows is x86 only.
    expect(kinds.includes('windows') || kinds.includes('x86'), `${thing} on Windows`).toBe(true);
  });

  test('lies in src/platform and nowhere else', () => {
    const system =
      /#include <(unistd|pthread|signal|sched|dlfcn|fcntl|windows|io|process|sys\/\w+|linux\/\w+)\.h>|\b(_WIN32|__linux__|__APPLE__)\b/;
    const sources = readdirSync(join(native, 'src'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => /\.(cpp|h)$/.test(name) && !/^platform[\\/]|^binding[\\/]windows[\\/]/.test(name),
    );
    expect(sources.length).toBeGreaterThan(100);
    const offending = sources.filter((name) => system.test(readFileSync(join(native, 'src', name), 'utf8')));
    expect(offending).toEqual([]);
  });
});
