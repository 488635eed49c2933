import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineInfo } from '../results/types.ts';
import type { RivalProcess } from './child.ts';
import type { LoadedNetwork, ModelRival, RivalInput } from './model-rival.ts';

/**
 * A rival in a process of its own that runs networks on request, so that its rounds come between those of the others.
 * Requests are lines of JSON:
 *
 * - `{"load": path, "threads": n, "device": "cuda", "dtype": "bf16"}` reads a network written by `writePortable`, runs it once
 *   and writes what it gives to `path.out`; answers `{}`, or `{"error": why}`. `device` and `dtype` are there when Fusor runs
 *   on a GPU.
 * - `{"run": seconds}` runs it for about so long, at least once; answers `{"milliseconds": median}`.
 *
 * @param first a process that has said hello
 * @param restart starts another one and waits for its hello
 */
export function childRival(
  info: EngineInfo,
  first: RivalProcess,
  restart: () => Promise<RivalProcess>,
): ModelRival {
  let process = first;
  /** One that died is started again: what killed it may have been this one network. */
  const alive = async () => {
    if (process.ended) process = await restart();
    return process;
  };
  return {
    info,
    load: async (network, threads) => load(await alive(), network, threads),
    close: () => process.close(),
  };
}

async function load(process: RivalProcess, network: RivalInput, threads: number): Promise<LoadedNetwork> {
  const folder = await mkdtemp(join(tmpdir(), 'fusor-bench-'));
  try {
    const path = join(folder, 'network.json');
    // Only now, so that `doctor` can look for rivals where the native part of Fusor cannot be loaded.
    const { writePortable } = await import('./portable.ts');
    await writePortable(path, network.graph, network);
    const device = network.device?.startsWith('cuda')
      ? { device: 'cuda', dtype: network.dtype ?? 'f32' }
      : {};
    await process.ask(JSON.stringify({ load: path, threads, ...device }));
    const bytes = await readFile(`${path}.out`);
    const turn = async (milliseconds: number) => {
      const answer = await process.ask(JSON.stringify({ run: milliseconds / 1000 }));
      return Number(answer.milliseconds);
    };
    return {
      output: new Float32Array(new Uint8Array(bytes).buffer),
      run: async () => {
        await turn(0);
      },
      turn,
      close: async () => {},
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
