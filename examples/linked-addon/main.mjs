// Captures, normalizes in C++ and in JavaScript, and shows that the two agree and that the frame is the camera's own memory.
import { ops, synchronize, Tensor } from '@fusor/native';
import { addLayerNorm, Camera, sum } from './camera.mjs';

const [height, width] = [480, 640];
const camera = new Camera(height, width);
camera.capture(1);
const frame = camera.frame();
console.log(`a frame of ${frame.shape.join(' x ')}`);

const residual = Tensor.full([height, width], 0.5);
const ours = ops.addLayerNorm(frame, residual, [width]);
const theirs = addLayerNorm(frame, residual);
const [expected, actual] = [await ours.output.data(), await theirs.output.data()];
if (!expected.every((value, i) => value === actual[i])) throw new Error('C++ and JavaScript disagree');
console.log('add + layer-norm from C++ and from JavaScript: the same bits');

// The same tensor, another picture: what it shows is the camera's own memory.
await synchronize();
camera.capture(2);
let total = 0;
for (let i = 0; i < height * width; i++) total += Math.fround(((i * 31 + 34) % 256) / 255);
const seen = await sum(frame);
if (Math.abs(seen - total) > 1e-2) throw new Error(`the frame shows ${seen}, the camera ${total}`);
console.log('the tensor shows the new picture');

frame.dispose();
try {
  sum(frame);
} catch (error) {
  console.log(`after dispose(): ${error.message}`);
}
