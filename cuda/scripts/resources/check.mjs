// The gate: what was built against what is committed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findNvcc } from '../nvcc.mjs';
import { compareResources } from './report.mjs';

const cuda = join(import.meta.dirname, '..', '..');
/** Made by the build for GPUs. */
export const builtResources = join(cuda, 'build', 'resources.json');
export const committedResources = join(cuda, 'resources.json');

const read = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** `problems` and `notes` of the kernels built here, or why there is nothing to compare: `skipped`. */
export function checkResources() {
  const nothing = { problems: [], notes: [], count: 0 };
  if (!existsSync(builtResources)) {
    const { reason } = findNvcc();
    if (reason !== undefined) return { ...nothing, skipped: `${reason}: no kernels were built` };
    return { ...nothing, problems: [`${builtResources} is missing: npm run build`] };
  }
  const [committed, built] = [read(committedResources), read(builtResources)];
  if (committed.compiler !== built.compiler) {
    return {
      ...nothing,
      skipped: `built by nvcc ${built.compiler}, and the table is of ${committed.compiler}`,
    };
  }
  return {
    ...compareResources(committed.kernels, built.kernels),
    count: Object.keys(built.kernels).length,
  };
}
