/**
 * This JavaScript environment's side of the addon: the loaded functions, and the promises that wait for native jobs.
 * Every worker has its own copy of this module, as every worker has its own environment in the addon.
 */
import type { FusorError } from '@fusor/errors';
import { errorOfStatus } from '../errors.ts';
import type { Addon, Completion, OpSchema, PlanHandle } from './addon.ts';
import { loadAddon } from './load.ts';

interface Job {
  readonly resolve: (plan: PlanHandle | null) => void;
  readonly reject: (error: FusorError) => void;
}

const jobs = new Map<number, Job>();
let lastJob = 0;

function complete(completions: readonly Completion[]): void {
  for (const [id, status, message, plan] of completions) {
    const job = jobs.get(id);
    if (job === undefined) continue;
    jobs.delete(id);
    if (status === 0) job.resolve(plan);
    else job.reject(errorOfStatus(status, message));
  }
}

/** The addon's functions. */
export const addon: Addon = loadAddon();

/** The numbers that pass between here and the addon without a call for each: see encoding.ts. */
export const block: Float64Array = addon.initialize(errorOfStatus, complete);

/** Schemas by op name. */
export const schemas: ReadonlyMap<string, OpSchema> = new Map(
  addon.schemas().map((schema) => [schema.name, schema]),
);

/**
 * Starts a native job and gives the promise of its end. Failures that nobody waits for stay silent: the tensors
 * concerned carry them, so they are never unhandled rejections.
 */
export function startJob(start: (job: number) => void): Promise<PlanHandle | null> {
  lastJob += 1;
  const id = lastJob;
  const promise = new Promise<PlanHandle | null>((resolve, reject) => {
    jobs.set(id, { resolve, reject });
  });
  try {
    start(id);
  } catch (error) {
    jobs.delete(id);
    throw error;
  }
  return promise;
}

/** Marks a promise as looked after, and returns it. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
