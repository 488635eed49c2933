import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memory, synchronize } from '@fusor/native';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is alive once everything that can be collected was, and the device has done all its work. */
export async function settledMemory(): Promise<{
  tensors: number;
  bytes: number;
  plans: number;
  planBytes: number;
}> {
  let last = '';
  for (let round = 0; round < 50; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await synchronize();
    const { tensors, bytes, plans, planBytes } = memory();
    const now = { tensors, bytes, plans, planBytes };
    if (JSON.stringify(now) === last) return now;
    last = JSON.stringify(now);
  }
  throw new Error('memory does not settle');
}
