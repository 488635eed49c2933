// `npm run test:install`: installs the packed packages as strangers do, in every way that can be had here, and prints a table.
//   --short          leaves out what compiles (CI)
//   --only TEXT      only cells whose name contains TEXT
//   --packages DIR   tarballs made by `npm run pack:all -- --out DIR`; packed anew without it
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { printTotals } from '../../scripts/ctest.mjs';
import { hostName } from '../../scripts/pack/platforms.mjs';
import { linkedAddon } from './cells/addon.mjs';
import { bundlers } from './cells/bundlers.mjs';
import { musl } from './cells/musl.mjs';
import { packageManagers } from './cells/package-managers.mjs';
import { runtimes } from './cells/runtimes.mjs';
import { types } from './cells/types.mjs';
import { windows } from './cells/windows.mjs';
import { startRegistry } from './registry.mjs';
import { nowhere, Sandbox, tools } from './sandbox.mjs';

const { values } = parseArgs({
  options: { short: { type: 'boolean' }, only: { type: 'string' }, packages: { type: 'string' } },
});
const root = join(import.meta.dirname, '..', '..');
const npmCli =
  process.env.npm_execpath ?? join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js');
const npm = (args, options) =>
  execFileSync(process.execPath, [npmCli, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    cwd: root,
    ...options,
  });

if (!existsSync(tools)) {
  console.log('installing the package managers, runtimes and bundlers …');
  // Not `npm ci`: pnpm names optional packages of other platforms that cannot be had, so no lockfile is ever complete.
  npm(['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: dirname(tools) });
}
const packages = values.packages ? resolve(values.packages) : mkdtempSync(join(tmpdir(), 'fusor-packages-'));
const packing = values.packages
  ? undefined
  : spawnSync(process.execPath, [join(root, 'scripts/pack.mjs'), '--out', packages], { encoding: 'utf8' });
if (packing) console.log(packing.stdout + packing.stderr);

const tarballsIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.tgz'))
        .map((name) => join(folder, name))
    : [];
const tarballs = tarballsIn(packages);
const otherTarballs = tarballsIn(join(packages, 'other'));
const manifestsIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    : [];
const registry = await startRegistry(
  [packages, join(packages, 'other')].filter(existsSync),
  manifestsIn(join(packages, 'other', 'manifests')),
);
const sandbox = new Sandbox();
const host = hostName();

const cells = [];
const add = (tool, what, run) => cells.push({ tool, what, run });
const cannot = (tool, what, reason) => cells.push({ tool, what, reason });

/** The folder that cells share which do not install: made once, by npm from the registry. */
let shared;
async function installed() {
  shared ??= (async () => {
    const folder = sandbox.folder({
      '.npmrc': `@fusor:registry=${registry.url}\nregistry=${nowhere}\naudit=false\nfund=false\n`,
    });
    await folder.run(process.execPath, [npmCli, 'install', '@fusor/layers']);
    return folder;
  })();
  return shared;
}

const publicRegistry = execFileSync(process.execPath, [npmCli, 'config', 'get', 'registry'], {
  encoding: 'utf8',
}).trim();
const context = {
  add,
  cannot,
  sandbox,
  registry,
  installed,
  tarballs,
  otherTarballs,
  host,
  npmCli,
  publicRegistry,
  long: !values.short,
};
if (packing) {
  add('pack', 'every package that this machine can build', async () => {
    if (packing.status !== 0) throw new Error(packing.stdout + packing.stderr);
  });
}
packageManagers(context);
runtimes(context);
musl(context);
windows(context);
types(context);
bundlers(context);
linkedAddon(context);

const chosen = cells.filter(({ tool, what }) => !values.only || `${tool} ${what}`.includes(values.only));
const failures = [];
async function runCell(cell) {
  const began = performance.now();
  if (cell.reason !== undefined) {
    cell.result = `cannot run here: ${cell.reason}`;
    return;
  }
  try {
    await cell.run();
    cell.result = 'ok';
  } catch (error) {
    cell.result = 'failed';
    failures.push({ ...cell, error });
  }
  cell.seconds = (performance.now() - began) / 1000;
}

// Two at a time: most of a cell is waiting for a child to start.
const queue = [...chosen];
await Promise.all(
  [0, 1].map(async () => {
    for (let cell = queue.shift(); cell !== undefined; cell = queue.shift()) await runCell(cell);
  }),
);
registry.close();
sandbox.remove();
if (!values.packages) rmSync(packages, { recursive: true, force: true });

const widths = [
  Math.max(...chosen.map(({ tool }) => tool.length)),
  Math.max(...chosen.map(({ what }) => what.length)),
];
console.log(`\nThe packages as strangers install them, on ${host}:\n`);
for (const { tool, what, result, seconds } of chosen) {
  const time = seconds === undefined ? '' : `${seconds.toFixed(1)} s`;
  console.log(`${tool.padEnd(widths[0])}  ${what.padEnd(widths[1])}  ${time.padStart(7)}  ${result}`);
}
for (const { tool, what, error } of failures) console.log(`\n--- ${tool}, ${what}:\n${error.message}`);

const count = (test) => chosen.filter(({ result }) => test(result)).length;
const totals = {
  passed: count((result) => result === 'ok'),
  failed: failures.length,
  skipped: count((result) => result.startsWith('cannot')),
  failures: failures.map(({ tool, what }) => `install: ${tool}, ${what}`),
};
const reports = join(root, 'build', 'reports');
mkdirSync(reports, { recursive: true });
writeFileSync(join(reports, 'totals-install.json'), JSON.stringify(totals));
console.log();
printTotals(totals);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
