// From nothing to the first result with onnxruntime: it reads, optimises and packs in one call.
import { findOnnxRuntime } from '../rival/onnxruntime.ts';
import { readJob, Stopwatch, startImage } from './job.ts';

const watch = new Stopwatch();
watch.end('process');
const runtime = await findOnnxRuntime();
if ('missing' in runtime) throw new Error(runtime.missing);
watch.end('import');
const { file, shape, threads } = readJob();
const network = await runtime.load(file, [{ data: startImage(shape), shape }], threads);
watch.end('load');
const output = await network.run();
watch.end('first run');
watch.report(output);
