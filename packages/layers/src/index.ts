/**
 * `@fusor/layers`: modules in the manner of `torch.nn`, and `compile`, which makes one native plan of a module.
 */

export { compile } from './compile/compile.ts';
export type { PlanDescription, ValueDescription } from './compile/describe.ts';
export type { RunInput, RunInputs } from './compile/inputs.ts';
export type { CompileOptions, PlanBuildOptions } from './compile/options.ts';
export { PASSES, runPasses } from './compile/passes/index.ts';
export type { Pass } from './compile/passes/pass.ts';
export { Plan, type ProfileOptions, type RunOptions } from './compile/plan.ts';
export type { Profile, ProfileStep } from './compile/profile.ts';
export { Graph, type GraphParts, type Node, type Value } from './graph/graph.ts';
export type { AttributeJSON, GraphJSON, NodeJSON, ValueJSON } from './graph/json.ts';
export type { Structure } from './graph/structure.ts';
export * as init from './init/index.ts';
export { skipInit } from './init/target.ts';
export * from './layers/index.ts';
export { type BufferOptions, buffer } from './module/buffer.ts';
export { type AnyModule, type LoadFileOptions, type LoadOptions, Module } from './module/module.ts';
export type { LoadReport, StateDictLike } from './module/state-dict.ts';
export { type Summary, type SummaryRow, summary } from './summary/summary.ts';
export type { InputOption, InputShape, InputSpec, SignatureInput } from './trace/signature.ts';
export { type TraceOptions, trace } from './trace/trace.ts';
