// The package for Windows in Node.js for Windows, under Wine: what npm installs there, loaded by the real loader.
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasCommand } from '../../../scripts/cross-build.mjs';
import { fetchWindowsNode, prepareWine, runWine, windowsNode } from '../../../scripts/windows.mjs';
import { expectMatch } from '../expect.mjs';
import { CommandError, nowhere, outputOfFailure } from '../sandbox.mjs';

const works = /fusor \d+\.\d+\.\d+ works/;
const name = 'native-win32-x64-msvc';

export function windows({ add, cannot, sandbox, registry, otherTarballs, npmCli }) {
  const tool = 'Windows (Wine)';
  if (!otherTarballs.some((path) => path.includes(name))) {
    cannot(tool, 'import', `the package ${name} was not built; npm run proof:windows builds it`);
    return;
  }
  if (!hasCommand('wine')) {
    cannot(tool, 'import', 'wine is missing (Debian, Ubuntu: apt-get install wine)');
    return;
  }

  /** A project into which npm has installed what it installs on Windows, and Node.js for Windows. */
  let shared;
  function installed() {
    shared ??= (async () => {
      if (!prepareWine()) throw new Error('wine could not be prepared');
      const folder = sandbox.folder({
        '.npmrc': `@fusor:registry=${registry.url}\nregistry=${nowhere}\naudit=false\nfund=false\n`,
      });
      const install = ['install', '--os=win32', '--cpu=x64', '@fusor/layers'];
      await folder.run(process.execPath, [npmCli, ...install]);
      const native = readdirSync(join(folder.path, 'node_modules/@fusor')).filter((entry) =>
        /^native-/.test(entry),
      );
      if (native.join() !== name) throw new Error(`installed for ${native.join(', ')}`);
      return { folder, program: fetchWindowsNode() };
    })();
    return shared;
  }
  /** Runs a program of the project's folder; gives what it wrote, or throws a CommandError. */
  async function node(args, { environment = {}, program } = {}) {
    const { folder, program: usual } = await installed();
    const env = { PATH: `${sandbox.path}:/usr/bin:/bin`, ...environment };
    const { status, text } = await runWine([program ?? usual, ...args], { cwd: folder.path, env });
    if (status !== 0) throw new CommandError(`node.exe ${args.join(' ')}`, status, text);
    return text;
  }
  const failure = (args, options) => outputOfFailure(node(args, options));

  const version = `Node ${windowsNode}`;
  add(tool, `${version}, npm install --os=win32, import`, async () => {
    expectMatch(await node(['check.mjs']), works);
  });
  add(tool, `${version}, require() of the ES modules, no warning`, async () => {
    const output = await node(['check.cjs']);
    expectMatch(output, works);
    if (/warning/i.test(output)) throw new Error(output);
  });
  add(tool, `${version}, worker_threads, one terminated`, async () => {
    expectMatch(await node(['worker.mjs']), /fusor works in workers/);
  });
  add(tool, 'a node.exe of another name', async () => {
    const { folder, program } = await installed();
    const renamed = join(folder.path, 'app.exe');
    copyFileSync(program, renamed);
    expectMatch(await node(['check.mjs'], { program: renamed }), works);
    rmSync(renamed);
  });
  for (const set of ['', 'baseline', 'avx2']) {
    add(tool, `the engine's doings, ${set || 'the best instruction set'}`, async () => {
      const output = await node(['engine.mjs'], { environment: { FUSOR_ISA: set } });
      expectMatch(output, /11 of the engine's doings seen/);
    });
  }
  add(tool, 'an instruction set that is none: the error lists those there are', async () => {
    const text = await failure(['check.mjs'], { environment: { FUSOR_ISA: 'mmx' } });
    expectMatch(text, /FUSOR_ISA=mmx names no instruction set of this build; this machine can run: baseline/);
  });
  add(tool, 'FUSOR_NATIVE_PATH leads nowhere: the error says so', async () => {
    const text = await failure(['check.mjs'], {
      environment: { FUSOR_NATIVE_PATH: 'C:\\nowhere\\fusor.node' },
    });
    expectMatch(text, /ERR_FUSOR_LOAD/);
    expectMatch(text, /could not be loaded on win32-x64-msvc/);
  });
}
