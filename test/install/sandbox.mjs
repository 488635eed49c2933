// Where cells run: an empty folder each, a PATH without compilers, a home of its own, no registry but the one on loopback.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export const tools = join(import.meta.dirname, 'tools', 'node_modules');
const app = join(import.meta.dirname, 'app');

/** Nothing listens there: a request fails at once. */
export const nowhere = 'http://127.0.0.1:9/';

/** A command that failed, with what it wrote. */
export class CommandError extends Error {
  constructor(command, code, output) {
    super(`${command} ended with ${code}\n${output}`);
    this.output = output;
  }
}

/** What a command that must fail wrote. */
export async function outputOfFailure(running) {
  const error = await running.then(
    () => new Error('it worked'),
    (reason) => reason,
  );
  if (!(error instanceof CommandError)) throw error;
  return error.output;
}

export class Sandbox {
  #root = mkdtempSync(join(tmpdir(), 'fusor-install-'));
  #count = 0;

  constructor() {
    // Package managers start scripts and themselves with these; there is no cc, c++, make, cmake or python.
    const bin = join(this.#root, 'bin');
    mkdirSync(bin);
    for (const [name, path] of [
      ['node', process.execPath],
      ['sh', '/bin/sh'],
      ['env', '/usr/bin/env'],
      ['uname', '/bin/uname'],
    ]) {
      symlinkSync(path, join(bin, name));
    }
    this.path = bin;
  }

  /** The environment of every command: no variable of ours or of npm's comes through. */
  environment(home, extra) {
    return {
      PATH: this.path,
      HOME: home,
      XDG_CACHE_HOME: join(home, '.cache'),
      XDG_DATA_HOME: join(home, '.local'),
      COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
      YARN_ENABLE_TELEMETRY: '0',
      DENO_NO_UPDATE_CHECK: '1',
      NO_COLOR: '1',
      CI: 'true',
      ...extra,
    };
  }

  /** A new folder with the given files, beside the programs of app/. */
  folder(files = {}) {
    this.#count += 1;
    const path = join(this.#root, `cell-${this.#count}`);
    cpSync(app, path, { recursive: true });
    const folder = {
      path,
      write: (name, content) => {
        const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`;
        writeFileSync(join(path, name), text);
      },
      /** Runs a command there; gives what it wrote, or throws a CommandError. */
      run: (command, args, { environment = {}, cwd = path, timeout = 240_000 } = {}) => {
        const home = join(path, '.home');
        mkdirSync(home, { recursive: true });
        const env = this.environment(home, environment);
        return new Promise((resolve, reject) => {
          const options = { cwd, env, timeout, maxBuffer: 2 ** 24 };
          execFile(command, args, options, (error, stdout, stderr) => {
            if (error === null) resolve(stdout + stderr);
            else {
              const name = [command, ...args].map((word) => word.split('/').at(-1)).join(' ');
              reject(
                new CommandError(
                  name,
                  error.killed ? 'a time-out' : (error.code ?? error.signal),
                  stdout + stderr,
                ),
              );
            }
          });
        });
      },
    };
    folder.write('package.json', { name: 'stranger', version: '1.0.0', private: true, type: 'module' });
    for (const [name, content] of Object.entries(files)) folder.write(name, content);
    return folder;
  }

  /** Adds a folder in front of the PATH of one command. */
  withPath(folder) {
    return { PATH: `${folder}${delimiter}${this.path}` };
  }

  remove() {
    rmSync(this.#root, { recursive: true, force: true });
  }
}
