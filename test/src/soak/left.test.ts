// What a terminated worker leaves behind: nothing, neither of ours nor of what Node.js allocates for us.

import { rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { runChild } from '../support/child.ts';
import { canPreload } from '../support/preload.ts';
import { counted } from './counted.ts';

const [workers, tensors, first] = [8, 300, 3];

it.skipIf(!canPreload)(
  `${workers} terminated workers with ${tensors} tensors each leave no memory`,
  async () => {
    const { folder, env } = await counted();
    try {
      const blocks = await runChild<number[]>('soak/left.child', {
        args: [String(workers), String(tensors)],
        nodeArgs: ['--expose-gc'],
        env,
      });
      const growth = blocks.at(-1)! - blocks[first - 1]!;
      console.log(`${growth} blocks more after ${workers - first} more workers (of ${blocks.at(-1)})`);
      // A block for a tensor would be 1,500 of them; V8's own come and go by a hundred or so.
      expect(growth).toBeLessThan(((workers - first) * tensors) / 4);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
