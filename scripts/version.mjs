// After `changeset version`: the version that the loader expects of the native library is the package's.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const native = join(import.meta.dirname, '..', 'native');
const { version } = JSON.parse(readFileSync(join(native, 'package.json'), 'utf8'));
const file = join(native, 'ts', 'addon', 'version.ts');
const source = readFileSync(file, 'utf8');
const changed = source.replace(/(expectedVersion: string = )'[^']*'/, `$1'${version}'`);
if (!changed.includes(`'${version}'`)) throw new Error(`${file} has no expectedVersion`);
writeFileSync(file, changed);
