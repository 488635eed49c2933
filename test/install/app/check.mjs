// What a stranger's app does first: a network, eager and compiled, with the same numbers.
import { BatchNorm2d, Conv2d, compile, ReLU, Sequential } from '@fusor/layers';
import { devices, Tensor, version } from '@fusor/native';

const model = new Sequential(
  new Conv2d(3, 8, 3, { padding: 1, bias: false }),
  new BatchNorm2d(8),
  new ReLU(),
).eval();
const x = Tensor.randn([2, 3, 17, 13]);
const eager = await model.forward(x).data();
const plan = await compile(model, { input: [2, 3, 17, 13] });
const compiled = await (await plan.run(x)).data();
const difference = Math.max(...eager.map((value, i) => Math.abs(value - compiled[i])));
if (eager.length !== 2 * 8 * 17 * 13 || !(difference < 1e-4)) throw new Error(`wrong: off by ${difference}`);
plan.dispose();
const [cpu] = await devices();
console.log(`fusor ${version} works on ${cpu.instructionSet}`);
