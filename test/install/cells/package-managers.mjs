// Every package manager installs @fusor/layers from the registry on loopback: no other registry answers, scripts or not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectMatch } from '../expect.mjs';
import { nowhere, outputOfFailure, tools } from '../sandbox.mjs';

const works = /fusor \d+\.\d+\.\d+ works/;

function npmrc(registry) {
  return `@fusor:registry=${registry}\nregistry=${nowhere}\nfetch-retries=0\naudit=false\nfund=false\nupdate-notifier=false\n`;
}

/** What a project may have installed of ours: the packages, and the binaries of this platform only. */
function expectOnlyThisPlatform(folder, host) {
  const native = readdirSync(join(folder.path, 'node_modules/@fusor')).filter((name) =>
    /^native-/.test(name),
  );
  if (native.join() !== `native-${host}`)
    throw new Error(`installed for ${native.join(', ')}, not only ${host}`);
}

export function packageManagers({ add, sandbox, registry, tarballs, host, npmCli }) {
  const node = process.execPath;
  const npm = (folder, ...args) => folder.run(node, [npmCli, ...args]);

  add('npm', 'install by name, import', async () => {
    const folder = sandbox.folder({ '.npmrc': npmrc(registry.url) });
    await npm(folder, 'install', '@fusor/layers');
    expectOnlyThisPlatform(folder, host);
    expectMatch(await folder.run(node, ['check.mjs']), works);
    expectMatch(await folder.run(node, ['check.cjs']), works);
  });

  add('npm', 'install DIR/*.tgz, the scope leads nowhere', async () => {
    const folder = sandbox.folder({ '.npmrc': npmrc(nowhere) });
    await npm(
      folder,
      'install',
      ...tarballs.filter((path) => /fusor-(errors|weights|native|layers)-/.test(path)),
    );
    expectMatch(await folder.run(node, ['check.mjs']), works);
  });

  add('npm', 'no package has an install script', async () => {
    const folder = sandbox.folder({ '.npmrc': npmrc(registry.url) });
    await npm(folder, 'install', '--ignore-scripts', '@fusor/layers');
    const lock = JSON.parse(readFileSync(join(folder.path, 'package-lock.json'), 'utf8'));
    const scripts = Object.keys(lock.packages).filter((name) => lock.packages[name].hasInstallScript);
    if (scripts.length > 0) throw new Error(`these have install scripts: ${scripts.join(', ')}`);
    expectMatch(await folder.run(node, ['check.mjs']), works);
  });

  add('npm', '--omit=optional: the error names a command that mends it', async () => {
    const folder = sandbox.folder({ '.npmrc': npmrc(registry.url) });
    await npm(folder, 'install', '--omit=optional', '@fusor/layers');
    const failure = await outputOfFailure(folder.run(node, ['check.mjs']));
    const [, command] = /Install the package of this platform: npm (.+)/.exec(failure) ?? [];
    expectMatch(failure, /ERR_FUSOR_LOAD/);
    await npm(folder, ...command.split(' '));
    expectMatch(await folder.run(node, ['check.mjs']), works);
  });

  for (const [name, command, argument] of [
    ['pnpm 10', node, join(tools, 'pnpm10/bin/pnpm.cjs')],
    ['pnpm 12', join(tools, '@pnpm/exe.linux-x64/pnpm'), undefined],
  ]) {
    add(name, 'install with build scripts blocked, import', async () => {
      const folder = sandbox.folder({ '.npmrc': npmrc(registry.url) });
      const pnpm = (...args) => folder.run(command, argument ? [argument, ...args] : args);
      const output = await pnpm('add', '@fusor/layers', '@fusor/native');
      if (/ignored build scripts/i.test(output)) throw new Error(`a build script was blocked:\n${output}`);
      expectMatch(await folder.run(node, ['check.mjs']), works);
    });
  }

  add('yarn 1', 'add, import', async () => {
    const folder = sandbox.folder({ '.npmrc': npmrc(registry.url), '.yarnrc': `registry "${nowhere}"\n` });
    await folder.run(node, [join(tools, 'yarn/bin/yarn.js'), 'add', '@fusor/layers', '@fusor/native']);
    expectMatch(await folder.run(node, ['check.mjs']), works);
  });

  for (const linker of ['pnp', 'node-modules']) {
    add('yarn 4', linker === 'pnp' ? "Plug'n'Play" : 'nodeLinker: node-modules', async () => {
      const folder = sandbox.folder({
        '.yarnrc.yml': [
          `nodeLinker: ${linker}`,
          `npmRegistryServer: "${nowhere}"`,
          'unsafeHttpWhitelist: ["127.0.0.1"]',
          'enableGlobalCache: false',
          'enableTelemetry: false',
          `npmScopes: { fusor: { npmRegistryServer: "${registry.url}" } }`,
          '',
        ].join('\n'),
        'yarn.lock': '',
      });
      const yarn = (...args) => folder.run(node, [join(tools, '@yarnpkg/cli-dist/bin/yarn.js'), ...args]);
      await yarn('add', '@fusor/layers', '@fusor/native');
      expectMatch(await yarn('node', 'check.mjs'), works);
    });
  }

  add('bun', 'add, run', async () => {
    const bun = join(tools, '@oven/bun-linux-x64/bin/bun');
    const folder = sandbox.folder({ '.npmrc': npmrc(registry.url) });
    await folder.run(bun, ['add', '@fusor/layers', '@fusor/native']);
    expectMatch(await folder.run(bun, ['run', 'check.mjs']), works);
  });

  add('deno', 'add, run', async () => {
    const deno = join(tools, '@deno/linux-x64-glibc/deno');
    const folder = sandbox.folder({ '.npmrc': npmrc(registry.url), 'deno.json': { nodeModulesDir: 'auto' } });
    await folder.run(deno, ['add', 'npm:@fusor/layers', 'npm:@fusor/native']);
    expectMatch(await folder.run(deno, ['run', '-A', 'check.mjs']), works);
  });
}
