// `npm run pack:all -- --out DIR`: the packages as tarballs, with the native library of this machine inside.
// `npm install DIR/*.tgz` then works in an empty folder without a compiler.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { out: { type: 'string' } } });
if (!values.out) {
  console.error('usage: npm run pack:all -- --out DIR');
  process.exit(2);
}
const root = join(import.meta.dirname, '..');
const out = resolve(values.out);
mkdirSync(out, { recursive: true });

for (const folder of [
  'packages/errors',
  'packages/weights',
  'native',
  'packages/layers',
  'packages/resnet',
  'packages/bench',
]) {
  const { name } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', out], {
      cwd: join(root, folder),
      encoding: 'utf8',
    }),
  );
  console.log(
    `${name}: ${packed.filename}, ${Math.ceil(packed.size / 1024)} KB packed, ${Math.ceil(packed.unpackedSize / 1024)} KB installed`,
  );
}
