// The conformance test of the words that kernels are written in: on hardware it tells whether the emulator's models are right.
// A program that needs the driver and nothing else; the one built here is taken before the one that was carried.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cudaFolder } from '../lib/places.mjs';
import { runProgram } from '../lib/programs.mjs';

export function primitivesProgram(root, folder, device) {
  const name = device.startsWith('cuda-emulated') ? 'cuda_primitives' : 'fusor_cuda_primitives';
  const places = ['src', 'test'];
  return [
    ...places.map((place) => join(folder, 'build', place, name)),
    join(root, 'gpu', 'bin', name),
    ...places.map((place) => join(cudaFolder, 'build', place, name)),
  ].find(existsSync);
}

export async function run({ root, device, deadline, folder, isDone, add }) {
  const program = primitivesProgram(root, folder, device);
  if (program === undefined) {
    add('the program', { status: 'skipped', detail: 'neither built nor carried: run the stage build' });
    return;
  }
  let count = 0;
  const { status, output, late } = await runProgram(program, [], {
    deadline,
    line: (line) => {
      const found = /^(ok {4}|FAILED) (.*)$/.exec(line);
      if (found === null) return;
      const [, verdict, told] = found;
      const [name] = told.split(': ', 1);
      count += 1;
      if (verdict === 'FAILED') add(name, { status: 'failed', detail: told });
      else if (!isDone(name)) add(name, { status: 'passed' });
    },
  });
  if (late) return;
  const whole = status === 0 && count > 0;
  add('the whole program', whole ? { status: 'passed' } : { status: 'failed', detail: output });
}
