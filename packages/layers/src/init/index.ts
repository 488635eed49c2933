/**
 * First values of parameters, with the distributions of `torch.nn.init` and the seeded generator of `manualSeed`.
 *
 * Each takes a shape, and makes a new tensor, or a Tensor, and fills it in place. The numbers are made on the device's
 * stream: these functions return at once.
 */
export { calculateFans, calculateGain, type FanMode, type Nonlinearity } from './fan.ts';
export { type KaimingOptions, kaimingNormal, kaimingUniform } from './kaiming.ts';
export { normal, type TruncNormalOptions, truncNormal, uniform } from './random.ts';
export { constant, ones, zeros } from './simple.ts';
export { type Initializer, type InitTarget, skipInit } from './target.ts';
export { type XavierOptions, xavierNormal, xavierUniform } from './xavier.ts';
