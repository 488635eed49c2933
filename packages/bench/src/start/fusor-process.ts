// From nothing to the first result with Fusor: imports, weights from a file, compile, run.
import { readJob, Stopwatch, startImage } from './job.ts';

const watch = new Stopwatch();
watch.end('process');
const { compile } = await import('@fusor/layers');
const { setThreads } = await import('@fusor/native');
const { findModel } = await import('@fusor/resnet');
watch.end('import');
const { model: name, file, shape, threads } = readJob();
setThreads(threads);
const model = findModel(name).create().eval();
await model.load(file);
watch.end('load');
const plan = await compile(model, { input: [...shape], device: 'cpu', weights: 'release' });
watch.end('compile');
const result = await plan.run(startImage(shape));
const output = (await result.data()) as Float32Array;
watch.end('first run');
watch.report(output);
