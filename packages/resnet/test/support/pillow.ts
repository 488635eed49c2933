import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const script = join(import.meta.dirname, '..', 'pillow', 'reference.py');

/** The Python that has Pillow (Debian: `python3-pil`, for the system's own interpreter), or undefined. */
export const pythonWithPillow: string | undefined = ['python3', '/usr/bin/python3'].find(
  (python) => spawnSync(python, ['-c', 'import PIL'], { stdio: 'ignore' }).status === 0,
);

export interface PillowJob {
  readonly path: string;
  readonly resize: number | readonly [number, number] | false;
  readonly crop: number | readonly [number, number] | false;
  readonly out: string;
}

export interface PillowPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What Pillow makes of each job's image. */
export function transformWithPillow(jobs: readonly PillowJob[]): PillowPicture[] {
  const result = spawnSync(pythonWithPillow!, [script, 'transform'], {
    input: JSON.stringify(jobs),
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new Error(`reference.py failed: ${result.stderr}`);
  const sizes = JSON.parse(result.stdout) as [number, number][];
  return jobs.map((job, index) => ({
    width: sizes[index]![0],
    height: sizes[index]![1],
    data: new Uint8Array(readFileSync(job.out)),
  }));
}
