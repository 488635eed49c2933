import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { nativePlatforms } from '../../scripts/pack/platforms.mjs';
import { explain } from '../ts/addon/load-failure.ts';
import { currentPlatform } from '../ts/addon/platform.ts';
import { expectedVersion } from '../ts/addon/version.ts';

const execute = promisify(execFile);
const native = join(import.meta.dirname, '..');
const linux = { name: 'linux-x64-gnu', os: 'linux', cpu: 'x64', libc: 'glibc' } as const;

function failure(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

/** The message when the checkout's build is absent and the platform's package fails as given. */
function message(error: Error, platform: typeof linux | ReturnType<typeof currentPlatform> = linux): string {
  return explain(platform, [
    { name: '@fusor/native/lib/fusor.node', error: failure("Cannot find module '../../lib/fusor.node'") },
    { name: `@fusor/native-${platform.name}`, error },
  ]);
}

async function load(environment: Record<string, string>): Promise<string> {
  const program = `import('@fusor/native').then(({ version }) => console.log(version), (error) => console.log(error.code, error.message))`;
  const env = { ...process.env, ...environment };
  const { stdout } = await execute(process.execPath, ['-e', program], { cwd: import.meta.dirname, env });
  return stdout;
}

describe('an addon that cannot be loaded', () => {
  test('is explained with everything that was tried', () => {
    const text = message(
      failure("Cannot find module '@fusor/native-linux-x64-gnu/fusor.node'", 'MODULE_NOT_FOUND'),
    );
    expect(text).toContain('could not be loaded on linux-x64-gnu');
    expect(text).toContain("  @fusor/native/lib/fusor.node: Cannot find module '../../lib/fusor.node'");
    expect(text).toContain('  @fusor/native-linux-x64-gnu: Cannot find module');
  });

  test('whose package is missing names the command that installs it', () => {
    expect(message(failure('Cannot find module', 'MODULE_NOT_FOUND'))).toContain(
      `npm install --include=optional --os=linux --cpu=x64 --libc=glibc @fusor/native-linux-x64-gnu@${expectedVersion}`,
    );
    expect(
      message(failure('Cannot find module', 'MODULE_NOT_FOUND'), {
        name: 'darwin-arm64',
        os: 'darwin',
        cpu: 'arm64',
      }),
    ).toContain(
      `npm install --include=optional --os=darwin --cpu=arm64 @fusor/native-darwin-arm64@${expectedVersion}`,
    );
  });

  test('on a platform without a package is to be built', () => {
    const text = message(failure('there is no prebuilt package for this platform'), {
      name: 'linux-riscv64-gnu',
      os: 'linux',
      cpu: 'riscv64',
      libc: 'glibc',
    });
    expect(text).toContain('npx fusor-native-build');
    expect(text).not.toContain('npm install');
  });

  test('on Windows is not to be built, and on no Windows but that of x64 to be had', () => {
    const windows = { name: 'win32-x64-msvc', os: 'win32', cpu: 'x64' };
    const missing = message(failure('Cannot find module', 'MODULE_NOT_FOUND'), windows);
    expect(missing).toContain(
      `npm install --include=optional --os=win32 --cpu=x64 @fusor/native-win32-x64-msvc@${expectedVersion}`,
    );
    expect(missing).not.toContain('fusor-native-build');
    const none = failure('there is no prebuilt package for this platform');
    expect(message(none, { name: 'win32-arm64-msvc', os: 'win32', cpu: 'arm64' })).toContain('x64 only');
  });

  test('for an old C library says which and how old', () => {
    const text = message(
      failure("/lib/libc.so.6: version `GLIBC_2.28' not found (required by …)", 'ERR_DLOPEN_FAILED'),
    );
    expect(text).toContain('lacks GLIBC_2.28');
    expect(text).toContain('npx fusor-native-build');
  });

  const musl = { name: 'linux-x64-musl', os: 'linux', cpu: 'x64', libc: 'musl' } as const;

  test('for an old libstdc++ on musl, which has no versions to tell, says so', () => {
    const text = message(
      failure('Error relocating /a/libfusor.so: _ZSt9something: symbol not found', 'ERR_DLOPEN_FAILED'),
      musl,
    );
    expect(text).toContain('apk upgrade libstdc++');
    expect(text).toContain('npx fusor-native-build');
  });

  test('for want of libstdc++ names the package of the system', () => {
    const error = failure(
      'libstdc++.so.6: cannot open shared object file: No such file or directory',
      'ERR_DLOPEN_FAILED',
    );
    expect(message(error)).toContain('apt-get install libstdc++6');
    expect(
      message(failure('Error loading shared library libstdc++.so.6', 'ERR_DLOPEN_FAILED'), musl),
    ).toContain('apk add libstdc++');
  });

  test('under the permission model names the flag', () => {
    expect(
      message(failure('Cannot load native addon because loading addons is disabled.', 'ERR_DLOPEN_DISABLED')),
    ).toContain('--allow-addons');
    expect(message(failure('Access to this API has been restricted', 'ERR_ACCESS_DENIED'))).toContain(
      '--allow-fs-read',
    );
  });
});

describe('the loader', () => {
  test('knows every platform that packages are generated for, and no other', async () => {
    const source = await readFile(join(native, 'ts/addon/load.ts'), 'utf8');
    const cases = [...source.matchAll(/case '([^']+)':\s+return require\('([^']+)'\)/g)].map(
      ([, name, path]) => [name, path],
    );
    expect(cases).toEqual(nativePlatforms.map(({ name }) => [name, `@fusor/native-${name}/fusor.node`]));
  });

  test('expects the version of the package', async () => {
    const { version } = JSON.parse(await readFile(join(native, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(expectedVersion).toBe(version);
  });

  test('takes the addon that FUSOR_NATIVE_PATH names', async () => {
    expect(await load({ FUSOR_NATIVE_PATH: join(native, 'lib/fusor.node') })).toBe(`${expectedVersion}\n`);
  });

  test('tries nothing else when FUSOR_NATIVE_PATH leads nowhere', async () => {
    const text = await load({ FUSOR_NATIVE_PATH: '/nowhere/fusor.node' });
    expect(text).toMatch(/^ERR_FUSOR_LOAD/);
    expect(text).toContain('FUSOR_NATIVE_PATH=/nowhere/fusor.node: Cannot find module');
    expect(text).toContain('unset FUSOR_NATIVE_PATH');
    expect(text).not.toContain('@fusor/native-');
  });

  test.runIf(process.platform === 'linux')('tells the C library of this program', () => {
    const { glibcVersionRuntime } = (
      process.report.getReport() as { header: { glibcVersionRuntime?: string } }
    ).header;
    expect(currentPlatform().libc).toBe(glibcVersionRuntime === undefined ? 'musl' : 'glibc');
  });
});
