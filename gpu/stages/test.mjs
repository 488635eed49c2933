// The device tests, by `node --test`: every case of cases.json in every dtype, eager and compiled.
import { closeSync, existsSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from '../lib/programs.mjs';

const STOPPING_MILLISECONDS = 20_000; // the longest case, on the emulator
const LOOKING_MILLISECONDS = 200;

/** Follows a file to which another process appends lines of JSON. */
class Follower {
  #file;
  #position = 0;
  #rest = '';

  constructor(file) {
    this.#file = file;
    rmSync(file, { force: true });
  }

  /** What was written since. */
  take() {
    if (!existsSync(this.#file)) return [];
    const handle = openSync(this.#file, 'r');
    const buffer = Buffer.alloc(1 << 16);
    for (let bytes = 1; bytes > 0; this.#position += bytes) {
      bytes = readSync(handle, buffer, 0, buffer.length, this.#position);
      this.#rest += buffer.toString('utf8', 0, bytes);
    }
    closeSync(handle);
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop();
    return lines.map((line) => JSON.parse(line));
  }
}

/**
 * Runs test/device.test.mjs and adds every case that it ran. `only` picks cases by their names, `launcher` is put before the
 * command. Gives what `runProgram` does, and the number of cases.
 */
export async function runTests(
  { root, device, deadline, folder, add },
  stage,
  { only = '', launcher = [], env = {} },
) {
  const results = new Follower(join(folder, `${stage}.jsonl`));
  let count = 0;
  const collect = () => {
    for (const { name, ...result } of results.take()) {
      add(name, result);
      count += 1;
    }
  };
  const timer = setInterval(collect, LOOKING_MILLISECONDS);
  const file = join(root, 'gpu', 'test', 'device.test.mjs');
  const [command, ...args] = [...launcher, process.execPath, '--test', file];
  const ended = await runProgram(command, args, {
    deadline: deadline + STOPPING_MILLISECONDS,
    env: {
      ...process.env,
      ...env,
      FUSOR_CHECK_FOLDER: folder,
      FUSOR_CHECK_STAGE: stage,
      FUSOR_CHECK_DEVICE: device,
      FUSOR_CHECK_DEADLINE: String(deadline),
      FUSOR_CHECK_ONLY: only,
    },
  });
  clearInterval(timer);
  collect();
  return { ...ended, count };
}

/** `gpu/check test [NAME]`: the cases whose names have that text; without it all. */
export async function run(stage) {
  const [only = ''] = stage.words;
  const { status, output, late, count } = await runTests(stage, 'test', { only });
  // A process that could not even start, or that the device took along.
  if (status !== 0 && !late && count === 0) stage.add('node --test', { status: 'failed', detail: output });
}
