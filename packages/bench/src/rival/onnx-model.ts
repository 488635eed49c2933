import { writeOnnx } from '../onnx/index.ts';
import type { Found } from './model-rival.ts';
import { findOnnxRuntime } from './onnxruntime.ts';

/** onnxruntime-node in this process, as a service would use it. */
export async function findOnnxModelRival(): Promise<Found> {
  const found = await findOnnxRuntime();
  if ('missing' in found) {
    return { missing: { id: 'onnxruntime', label: 'onnxruntime-node', reason: found.missing } };
  }
  return {
    info: {
      id: 'onnxruntime',
      label: found.name,
      kind: 'rival',
      settings: 'all graph optimisations, nodes one after another, threads that spin between runs',
    },
    load: async ({ name, graph, data, shape }, threads) => {
      const session = await found.load(await writeOnnx(graph, { name }), [{ data, shape }], threads);
      let output: Float32Array = new Float32Array(0);
      return {
        get output() {
          return output;
        },
        run: async () => {
          output = await session.run();
        },
        close: () => session.close(),
      };
    },
    close: async () => {},
  };
}
