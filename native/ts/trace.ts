/**
 * `@fusor/native/trace`: what a compiler needs. `@fusor/layers` is built on it; applications rarely need it.
 *
 * A tensor is eager (a value of the engine) or symbolic (a number that a {@link Tracer} gave a value). Within
 * {@link withTracer} every operation on symbolic tensors, from `ops` or a method, is recorded instead of computed.
 */
export { prepareDevice, resolveDevice } from './device.ts';
export { currentTracer, deferred, inferOp, type Tracer, withTracer } from './dispatch.ts';
export { foldBatchNorm, runOp } from './generic.ts';
export type {
  Attributes,
  AttributeValue,
  Graph,
  GraphNode,
  GraphValue,
  OpName,
  TensorSpec,
} from './graph.ts';
export {
  buildPlan,
  NativePlan,
  type PlanOptions,
  type PlanRun,
  type PlanStep,
  type PlanSummary,
} from './plan.ts';
export { isSymbolic, retain, symbolicTensor, symbolicValue } from './symbolic.ts';
export { moveInto } from './tensor.ts';
