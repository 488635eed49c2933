// Runs a small network 10,000 times and prints the process's memory along the way.
// Arguments: `compiled` or `eager`; `dispose` or `collect`, who frees the results.

import { BatchNorm2d, Conv2d, compile, Linear, Module, ReLU } from '@fusor/layers';
import { memory, scope, synchronize, Tensor } from '@fusor/native';

class Small extends Module {
  readonly conv: Conv2d = new Conv2d(3, 16, 3, { padding: 1, bias: false });
  readonly norm: BatchNorm2d = new BatchNorm2d(16);
  readonly relu: ReLU = new ReLU();
  readonly head: Linear = new Linear(16 * 16 * 16, 1000);

  override forward(x: Tensor): Tensor {
    const features = this.relu.forward(this.norm.forward(this.conv.forward(x)));
    return this.head.forward(features.reshape([x.shape[0]!, -1]));
  }
}

const runs = 10_000;
const every = 1000;
const [, , mode, freedBy] = process.argv;
const model = new Small().eval();
const image = new Float32Array(4 * 3 * 16 * 16).fill(0.5);
const shape = [4, 3, 16, 16];
const plan = await compile(model, { input: shape });

async function run(): Promise<Tensor> {
  if (mode === 'compiled') return plan.run(image) as Promise<Tensor>;
  if (freedBy === 'dispose') return scope(() => model.forward(Tensor.from(image, shape)));
  return model.forward(Tensor.from(image, shape));
}

const residentMegabytes: number[] = [];
for (let index = 0; index < runs; ++index) {
  const output = await run();
  await output.data();
  if (freedBy === 'dispose') output.dispose();
  if ((index + 1) % every === 0) residentMegabytes.push(process.memoryUsage.rss() / 2 ** 20);
}
await synchronize();
const alive = memory();
console.log(JSON.stringify({ residentMegabytes, tensors: alive.tensors, bytes: alive.bytes }));
