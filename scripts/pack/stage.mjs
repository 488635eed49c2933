// Lays out a package as it is published: the files that its manifest lists, a manifest without what only the checkout needs.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const stages = join(root, 'build', 'pack');

export function readManifest(folder) {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

/** npm publishes with provenance only where the manifest names the repository that the workflow runs in. */
function published(manifest) {
  const { scripts: _scripts, devDependencies: _devDependencies, ...rest } = manifest;
  const { GITHUB_REPOSITORY: repository } = process.env;
  return {
    ...rest,
    ...(repository ? { repository: { type: 'git', url: `git+https://github.com/${repository}.git` } } : {}),
    publishConfig: { access: 'public' },
  };
}

function emptyStage(manifest) {
  const stage = join(stages, manifest.name.replace('@', '').replace('/', '-'));
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published(manifest), null, 2)}\n`);
  cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
  return stage;
}

/** A package of the checkout. */
export function stagePackage(folder, changes = {}) {
  const manifest = { ...readManifest(folder), ...changes };
  const stage = emptyStage(manifest);
  for (const file of manifest.files.filter((name) => !name.startsWith('!'))) {
    const from = join(root, folder, file);
    if (existsSync(from)) cpSync(from, join(stage, file), { recursive: true });
  }
  return stage;
}

/** A package of binaries: what a prefix's `lib/` holds, with `headers` beside it. */
export function stageBinaries(manifest, prefix, headers) {
  const stage = emptyStage(manifest);
  const lib = join(stage, 'lib');
  cpSync(join(prefix, 'lib'), lib, { recursive: true });
  // A library linked for packages stands in for the one that tests load.
  const shipped = join(lib, 'shipped');
  if (existsSync(shipped)) {
    cpSync(shipped, lib, { recursive: true });
    rmSync(shipped, { recursive: true });
  }
  if (headers) cpSync(join(root, headers), join(stage, 'include'), { recursive: true });
  const loader = manifest.name.slice(0, manifest.name.indexOf('-'));
  writeFileSync(
    join(stage, 'README.md'),
    `# ${manifest.name}\n\n${manifest.description}\n\nInstalled by ${loader}, which loads it; not for use by itself.\n`,
  );
  return stage;
}

/** Packs a stage into `out` and tells what npm says of it. */
export function pack(stage, out) {
  mkdirSync(out, { recursive: true });
  const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out], {
    cwd: stage,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const [{ name, filename, size, unpackedSize }] = JSON.parse(output);
  return { name, filename, size, unpackedSize };
}
