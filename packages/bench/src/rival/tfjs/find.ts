import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RivalProcess } from '../child.ts';
import { childRival } from '../child-rival.ts';
import type { Found } from '../model-rival.ts';
import { findPackage, whyNot } from '../optional.ts';

const script = fileURLToPath(new URL('./child.js', import.meta.url));
const howToGet = 'npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm';

/** TensorFlow.js on its WebAssembly backend. */
export async function findTfjs(): Promise<Found> {
  const label = 'tfjs (wasm)';
  const missing = (reason: string) => ({ missing: { id: 'tfjs', label, reason } });
  let args: readonly string[];
  try {
    const core = await findPackage('@tensorflow/tfjs-core');
    const backend = await findPackage('@tensorflow/tfjs-backend-wasm');
    args = [core.url, backend.url, `${join(backend.folder, 'dist')}/`];
  } catch (error) {
    return missing(whyNot('@tensorflow/tfjs-backend-wasm', error, howToGet));
  }
  const launch = () => new RivalProcess(label, process.execPath, [script, ...args]);
  const first = launch();
  try {
    const { version, simd } = await first.answer();
    const settings = `a process of its own; ${simd ? 'SIMD' : 'no SIMD'}; channels last, fused; one thread: it has no more in Node.js`;
    const info = {
      id: 'tfjs',
      label: `tfjs-wasm ${String(version)} (1 thread)`,
      kind: 'rival' as const,
      settings,
    };
    return childRival(info, first, async () => {
      const child = launch();
      await child.answer();
      return child;
    });
  } catch (error) {
    await first.close();
    return missing(error instanceof Error ? error.message : String(error));
  }
}
