// TensorFlow.js on WebAssembly, in a process of its own: runs networks of the portable form on request. See
// ../child-rival.ts for the protocol. Arguments: URLs of @tensorflow/tfjs-core and of its WebAssembly backend, and the
// folder of the .wasm files.
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { median } from '../../timing/statistics.ts';
import type { PortableNetwork } from '../portable.ts';
import { prepareNetwork } from './network.ts';
import type { Tfjs, TfTensor } from './types.ts';

const [coreUrl, backendUrl, wasmFolder] = process.argv.slice(2) as [string, string, string];

async function importCommon<T>(url: string): Promise<T> {
  const loaded = (await import(url)) as T & { readonly default?: T };
  return loaded.default ?? loaded;
}

const tf = await importCommon<Tfjs>(coreUrl);
const wasm = await importCommon<{ setWasmPaths(folder: string): void }>(backendUrl);
wasm.setWasmPaths(wasmFolder);
if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend does not start');
await tf.ready();
const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');

let run: (() => Promise<Float32Array>) | undefined;
let dispose = () => {};

async function load(path: string): Promise<void> {
  dispose();
  const network = JSON.parse(await readFile(path, 'utf8')) as PortableNetwork;
  const bytes = await readFile(network.data);
  const floats = new Float32Array(new Uint8Array(bytes).buffer);
  const constants = new Map<number, TfTensor>();
  for (const { id, shape, offset } of network.arrays) {
    const count = shape.reduce((product, size) => product * size, 1);
    constants.set(id, tf.tensor(floats.slice(offset, offset + count), shape));
  }
  const { forward, ready } = prepareNetwork(tf, network, constants);
  run = async () => {
    const output = tf.tidy(forward);
    const data = await output.data();
    output.dispose();
    return data;
  };
  dispose = () => {
    for (const tensor of [...constants.values(), ...ready]) tensor.dispose();
  };
  const output = await run();
  await writeFile(`${path}.out`, new Uint8Array(output.buffer, output.byteOffset, output.byteLength));
}

async function runFor(seconds: number): Promise<number> {
  if (run === undefined) throw new Error('no network is loaded');
  const times: number[] = [];
  const begin = performance.now();
  let last = begin;
  do {
    await run();
    const now = performance.now();
    times.push(now - last);
    last = now;
  } while (last - begin < 1000 * seconds);
  return median(times);
}

const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
say({ version: tf.version_core, simd });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as { readonly load?: string; readonly run?: number };
  try {
    if (request.load !== undefined) {
      await load(request.load);
      say({});
    } else say({ milliseconds: await runFor(request.run ?? 0) });
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
}
