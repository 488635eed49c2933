// What a stranger's app does first: a network, eager and compiled, and what its formula gives in plain JavaScript.
import { BatchNorm2d, Conv2d, compile, ReLU, Sequential } from '@fusor/layers';
import { devices, Tensor, version } from '@fusor/native';

const [images, channels, height, width, filters] = [2, 3, 17, 13, 8];
const convolution = new Conv2d(channels, filters, 3, { padding: 1, bias: false });
const norm = new BatchNorm2d(filters);
const model = new Sequential(convolution, norm, new ReLU()).eval();
const x = Tensor.randn([images, channels, height, width]);
const eager = await model.forward(x).data();
const plan = await compile(model, { input: x.shape });
const compiled = await (await plan.run(x)).data();

const [pixels, weight, scale, shift, mean, variance] = await Promise.all(
  [x, convolution.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var].map((tensor) =>
    tensor.data(),
  ),
);
/** One element of the convolution, summed in float64. */
function convolved(image, filter, row, column) {
  let sum = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++) {
      for (let c = Math.max(0, column - 1); c <= Math.min(width - 1, column + 1); c++) {
        const pixel = pixels[((image * channels + channel) * height + r) * width + c];
        sum += pixel * weight[((filter * channels + channel) * 3 + (r - row + 1)) * 3 + (c - column + 1)];
      }
    }
  }
  return sum;
}
const expected = Array.from({ length: images * filters * height * width }, (_, i) => {
  const [column, row] = [i % width, Math.floor(i / width) % height];
  const filter = Math.floor(i / (width * height)) % filters;
  const image = Math.floor(i / (width * height * filters));
  const normal = (convolved(image, filter, row, column) - mean[filter]) / Math.sqrt(variance[filter] + 1e-5);
  return Math.max(0, normal * scale[filter] + shift[filter]);
});
for (const [how, values] of Object.entries({ eager, compiled })) {
  const difference = Math.max(...expected.map((value, i) => Math.abs(value - values[i])));
  if (values.length !== expected.length || !(difference < 1e-4))
    throw new Error(`${how} wrong: off by ${difference}`);
}
plan.dispose();
const [cpu] = await devices();
console.log(`fusor ${version} works on ${cpu.instructionSet}`);
