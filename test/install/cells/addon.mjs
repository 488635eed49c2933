// Somebody's own addon against the installed packages: examples/linked-addon, with a compiler this time.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { expectMatch } from '../expect.mjs';

const root = join(import.meta.dirname, '..', '..', '..');

export function linkedAddon({ add, sandbox, installed }) {
  add('linked addon', 'find_package(fusor), build, share memory, run', async () => {
    const source = await installed();
    const folder = sandbox.folder();
    cpSync(join(root, 'examples/linked-addon'), folder.path, {
      recursive: true,
      filter: (path) => !/linked-addon\/(build|node_modules)/.test(path),
    });
    cpSync(join(source.path, 'node_modules'), join(folder.path, 'node_modules'), { recursive: true });
    for (const name of ['node-addon-api', 'node-api-headers']) {
      cpSync(join(root, 'node_modules', name), join(folder.path, 'node_modules', name), { recursive: true });
    }
    const environment = { PATH: `${sandbox.path}:/usr/bin:/bin` };
    await folder.run('/usr/bin/cmake', ['-S', '.', '-B', 'build', '-DCMAKE_BUILD_TYPE=Release'], {
      environment,
    });
    await folder.run('/usr/bin/cmake', ['--build', 'build'], { environment, timeout: 300_000 });
    const output = await folder.run(process.execPath, ['main.mjs']);
    expectMatch(output, /the same bits[\s\S]*the new picture[\s\S]*after dispose\(\): exportTensor/);
  });
}
