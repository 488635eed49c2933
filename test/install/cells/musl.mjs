// The package for musl, where it was built, in Bun for musl: the package registry has no Node.js for it.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { muslBun, muslEnvironment } from '../../../scripts/musl.mjs';
import { expectMatch } from '../expect.mjs';
import { nowhere, outputOfFailure } from '../sandbox.mjs';

const works = /fusor \d+\.\d+\.\d+ works/;
const package_ = 'native-linux-x64-musl';

export function musl({ add, cannot, sandbox, registry, otherTarballs, installed, npmCli, long }) {
  cannot(
    'musl',
    "Alpine's Node.js",
    'the package registry has no Node.js for musl; the release workflow tests what was built here with it, which has not run yet',
  );
  const reason = !otherTarballs.some((path) => path.includes(package_))
    ? 'the package for musl was not built (npm run proof:musl builds and tests it)'
    : !long && 'not in the short form (npm run proof:musl)';
  if (reason) {
    cannot('musl', 'Bun', reason);
    return;
  }
  const npmrc = `@fusor:registry=${registry.url}\nregistry=${nowhere}\naudit=false\nfund=false\n`;
  const environment = muslEnvironment;
  const expectForMusl = (folder) => {
    const native = readdirSync(join(folder.path, 'node_modules/@fusor')).filter((name) =>
      /^native-/.test(name),
    );
    if (native.join() !== package_) throw new Error(`installed ${native.join(', ')}, not ${package_}`);
  };

  /** As npm installs on Alpine, and Docker builds for it elsewhere. */
  let shared;
  const installedForMusl = () => {
    shared ??= (async () => {
      const folder = sandbox.folder({ '.npmrc': npmrc });
      const platform = ['--os=linux', '--cpu=x64', '--libc=musl'];
      await folder.run(process.execPath, [npmCli, 'install', ...platform, '@fusor/layers']);
      expectForMusl(folder);
      return folder;
    })();
    return shared;
  };
  const run = (folder, ...args) => folder.run(muslBun(), args, { environment });

  add('musl', 'npm install --libc=musl, Bun: import', async () => {
    expectMatch(await run(await installedForMusl(), 'check.mjs'), works);
  });
  add('musl', 'Bun: require()', async () => {
    expectMatch(await run(await installedForMusl(), 'check.cjs'), works);
  });
  add('musl', 'Bun: worker_threads, one terminated', async () => {
    expectMatch(await run(await installedForMusl(), 'worker.mjs'), /fusor works in workers/);
  });
  add('musl', 'bun add, run', async () => {
    const folder = sandbox.folder({ '.npmrc': npmrc });
    await run(folder, 'add', '@fusor/layers', '@fusor/native');
    expectForMusl(folder);
    expectMatch(await run(folder, 'run', 'check.mjs'), works);
  });
  add('musl', 'with a node_modules for glibc: the error names the package', async () => {
    const failure = await outputOfFailure(run(await installed(), 'check.mjs'));
    expectMatch(failure, /ERR_FUSOR_LOAD/);
    expectMatch(failure, new RegExp(`bun add @fusor/${package_}@`));
  });
}
