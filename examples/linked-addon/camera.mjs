// The addon with tensors for its users. @fusor/native comes first: it loads libfusor, which the addon is linked to.
import { createRequire } from 'node:module';
import { Tensor } from '@fusor/native';
import { exportTensor, importTensor } from '@fusor/native/interop';

const addon = createRequire(import.meta.url)('./build/camera.node');

export class Camera {
  #camera;
  // Any tensor tells the addon the environment that JavaScript's work is queued in.
  #place = Tensor.zeros([1]);

  constructor(height, width) {
    this.#camera = new addon.Camera(height, width);
  }

  /** Draws a picture into the buffer, which must not be in use: `await synchronize()` first. */
  capture(seed) {
    this.#camera.capture(seed);
  }

  /** The buffer as a tensor, without a copy. */
  frame() {
    return importTensor(this.#camera.frame(exportTensor(this.#place)));
  }
}

/** One fused pass, called from C++: `{ sum, output }`. */
export function addLayerNorm(x, residual) {
  const [sum, output] = addon.addLayerNorm(exportTensor(x), exportTensor(residual)).map(importTensor);
  return { sum, output };
}

/** The sum of the elements, computed by the addon on the tensor's own memory. */
export function sum(x) {
  return addon.sum(exportTensor(x));
}
