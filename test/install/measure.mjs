// `node test/install/measure.mjs --packages DIR`: how large an installed Fusor is and how long installing and loading it takes, from the
// registry on loopback into empty folders, with empty caches. Medians of ROUNDS.
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startRegistry } from './registry.mjs';
import { nowhere, Sandbox, tools } from './sandbox.mjs';

const { values } = parseArgs({
  options: { packages: { type: 'string' }, rounds: { type: 'string', default: '5' } },
});
if (!values.packages) {
  console.error(
    'usage: node test/install/measure.mjs --packages DIR (of npm run pack:all -- --out DIR) [--rounds N]',
  );
  process.exit(2);
}
const packages = resolve(values.packages);
const manifests = readdirSync(join(packages, 'other', 'manifests')).map((name) =>
  JSON.parse(readFileSync(join(packages, 'other', 'manifests', name), 'utf8')),
);
const registry = await startRegistry([packages, join(packages, 'other')], manifests);
const sandbox = new Sandbox();
const npmCli =
  process.env.npm_execpath ?? join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js');

function bytesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
async function seconds(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

const npmrc = `@fusor:registry=${registry.url}\nregistry=${nowhere}\naudit=false\nfund=false\nupdate-notifier=false\n`;
const managers = [
  ['npm', process.execPath, [npmCli, 'install', '@fusor/layers']],
  ['pnpm 12', join(tools, '@pnpm/exe.linux-x64/pnpm'), ['add', '@fusor/layers', '@fusor/native']],
  ['bun', join(tools, '@oven/bun-linux-x64/bin/bun'), ['add', '@fusor/layers', '@fusor/native']],
];
for (const [name, command, args] of managers) {
  const times = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const folder = sandbox.folder({ '.npmrc': npmrc });
    times.push(await seconds(() => folder.run(command, args)));
    if (name === 'npm' && round === 0) {
      const scope = join(folder.path, 'node_modules/@fusor');
      for (const entry of readdirSync(scope).sort()) {
        console.log(`@fusor/${entry}: ${(bytesIn(join(scope, entry)) / 1e6).toFixed(2)} MB`);
      }
      console.log(`node_modules/@fusor: ${(bytesIn(scope) / 1e6).toFixed(2)} MB`);
      const load = [];
      const program =
        "const t = performance.now(); await import('@fusor/layers'); console.log(performance.now() - t)";
      for (let i = 0; i < 9; i++) {
        load.push(Number(await folder.run(process.execPath, ['--input-type=module', '-e', program])));
      }
      console.log(`importing @fusor/layers: ${median(load).toFixed(0)} ms`);
    }
    rmSync(folder.path, { recursive: true });
  }
  console.log(`${name}, empty cache: ${median(times).toFixed(2)} s`);
}
registry.close();
sandbox.remove();
