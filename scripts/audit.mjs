// `npm run audit:lockfile`: what package-lock.json brings, against rules. Known vulnerabilities come from the registry, where it
// answers; the rest needs no network. --offline leaves the registry out.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Packages with an install script. None is run (.npmrc), and each needs a reason to be here. */
const scripts = {
  'onnxruntime-node': 'the rival in benchmarks and the oracle in tests; its script downloads CUDA libraries',
  sharp: 'builds from source where no prebuilt package exists',
  esbuild: 'replaces a launcher by the binary that is there already',
  fsevents: 'macOS only, through vitest',
  protobufjs: 'prints a notice; through onnxruntime-node',
};

/** For what users install. LGPL: libvips, a shared library that sharp loads. */
const licences = new Set([
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'LGPL-3.0-or-later',
  'Apache-2.0 AND LGPL-3.0-or-later',
  'Apache-2.0 AND LGPL-3.0-or-later AND MIT',
]);

const problems = [];
for (const lockfile of ['package-lock.json', 'test/install/tools/package-lock.json']) {
  const { packages } = JSON.parse(readFileSync(join(root, lockfile), 'utf8'));
  const entries = Object.entries(packages).filter(
    ([path, entry]) => path.includes('node_modules/') && !entry.link,
  );
  const shipped = entries.filter(([, entry]) => !entry.dev && !lockfile.startsWith('test/'));
  for (const [path, entry] of entries) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (!entry.integrity?.startsWith('sha512-'))
      problems.push(`${lockfile}: ${name} has no SHA-512 integrity`);
    if (entry.resolved !== undefined && !entry.resolved.startsWith('https://')) {
      problems.push(`${lockfile}: ${name} comes from ${entry.resolved}`);
    }
    if (entry.hasInstallScript && lockfile === 'package-lock.json' && !(name in scripts)) {
      problems.push(`${lockfile}: ${name} has an install script`);
    }
  }
  for (const [path, { license }] of shipped) {
    if (!licences.has(license)) problems.push(`${lockfile}: ${path} is licensed ${license}`);
  }
  console.log(`${lockfile}: ${entries.length} packages, ${shipped.length} of them reach users`);
}

if (!process.argv.includes('--offline')) {
  const { stdout } = spawnSync('npm', ['audit', '--json', '--omit=dev'], { cwd: root, encoding: 'utf8' });
  const report = JSON.parse(stdout || '{}');
  if (report.metadata === undefined) {
    console.log('known vulnerabilities: the registry gave no answer');
  } else {
    const { moderate, high, critical } = report.metadata.vulnerabilities;
    console.log(
      `known vulnerabilities of what reaches users: ${moderate} moderate, ${high} high, ${critical} critical`,
    );
    if (high + critical > 0) problems.push(`npm audit: ${high} high, ${critical} critical`);
  }
}
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
