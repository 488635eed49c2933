// What TypeScript makes of the packages, in every way it resolves them, and what the linters of packages say.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { tools } from '../sandbox.mjs';

export function types({ add, installed, tarballs }) {
  const modes = [
    ['TypeScript 7', 'typescript', 'node16', 'node16'],
    ['TypeScript 7', 'typescript', 'nodenext', 'nodenext'],
    ['TypeScript 7', 'typescript', 'bundler', 'esnext'],
    ['TypeScript 5.9', 'typescript5', 'nodenext', 'nodenext'],
  ];
  for (const [name, compiler, moduleResolution, module] of modes) {
    const tsc = join(tools, compiler, 'bin/tsc');
    add(name, `moduleResolution ${moduleResolution}`, async () => {
      const folder = await installed();
      // The declarations speak of Node's types, as those of most packages for Node.js do.
      for (const name of ['@types/node', 'undici-types']) {
        cpSync(join(tools, name), join(folder.path, 'node_modules', name), { recursive: true });
      }
      const flags = '--noEmit --strict --skipLibCheck false --target es2022 --types node'.split(' ');
      const lib = ['--lib', 'es2023,esnext.disposable'];
      const how = ['--module', module, '--moduleResolution', moduleResolution];
      await folder.run(process.execPath, [tsc, ...flags, ...lib, ...how, 'consumer.ts']);
    });
  }
  const ours = tarballs.filter((path) => /fusor-(errors|weights|native|layers|resnet|bench)-\d/.test(path));
  for (const tarball of ours) {
    const [, name] = /fusor-([a-z]+)-/.exec(tarball.split('/').at(-1));
    add('publint', `@fusor/${name}`, async () => {
      const folder = await installed();
      const publint = join(tools, 'publint/src/cli.js');
      await folder.run(process.execPath, [publint, 'run', tarball, '--strict']);
    });
    add('attw', `@fusor/${name}`, async () => {
      const folder = await installed();
      const attw = join(tools, '@arethetypeswrong/cli/dist/index.js');
      await folder.run(process.execPath, [
        attw,
        tarball,
        '--profile',
        'esm-only',
        '--no-emoji',
        '--no-color',
      ]);
    });
  }
}
