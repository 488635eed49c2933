// Apps bundled into one file run in a folder that has nothing but the bundle and the package with the binaries.
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expectMatch } from '../expect.mjs';
import { tools } from '../sandbox.mjs';

const works = /fusor \d+\.\d+\.\d+ works/;

export function bundlers({ add, sandbox, installed, host }) {
  /** A folder with the bundle, to run where nothing else of ours is installed. */
  function deploy(source, bundle) {
    const folder = sandbox.folder();
    const native = join('node_modules/@fusor', `native-${host}`);
    mkdirSync(join(folder.path, 'node_modules/@fusor'), { recursive: true });
    cpSync(join(source.path, native), join(folder.path, native), { recursive: true });
    cpSync(join(source.path, bundle), join(folder.path, bundle.split('/').at(-1)));
    return folder;
  }

  for (const [format, file] of [
    ['esm', 'bundle.mjs'],
    ['cjs', 'bundle.cjs'],
  ]) {
    add('esbuild', `one file, ${format}`, async () => {
      const source = await installed();
      const entry = format === 'esm' ? 'check.mjs' : 'check.cjs';
      const flags = ['--bundle', '--platform=node', `--format=${format}`, `--outfile=out-${format}/${file}`];
      const esbuild = join(tools, '@esbuild/linux-x64/bin/esbuild');
      await source.run(esbuild, [entry, ...flags, '--log-override:empty-import-meta=silent']);
      const folder = deploy(source, `out-${format}/${file}`);
      expectMatch(await folder.run(process.execPath, [file]), works);
    });
  }

  for (const [title, noExternal] of [
    ['SSR build, packages external (the default)', false],
    ['SSR build, everything in one file', true],
  ]) {
    add('vite', title, async () => {
      const source = await installed();
      const out = noExternal ? 'out-vite-all' : 'out-vite';
      const config = `export default { ssr: { noExternal: ${noExternal || '[]'} }, build: { ssr: 'check.mjs', outDir: '${out}', rolldownOptions: { output: { entryFileNames: 'server.mjs' } } } };`;
      source.write(`vite-${noExternal}.config.mjs`, config);
      const vite = join(tools, 'vite/bin/vite.js');
      await source.run(process.execPath, [vite, 'build', '--config', `vite-${noExternal}.config.mjs`]);
      if (noExternal) {
        const folder = deploy(source, `${out}/server.mjs`);
        expectMatch(await folder.run(process.execPath, ['server.mjs']), works);
      } else {
        expectMatch(await source.run(process.execPath, [`${out}/server.mjs`]), works);
      }
    });
  }
}
