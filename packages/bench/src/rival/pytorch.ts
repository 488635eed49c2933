import { fileURLToPath } from 'node:url';
import { RivalProcess } from './child.ts';
import { childRival } from './child-rival.ts';
import type { Found } from './model-rival.ts';

const script = fileURLToPath(new URL('../../python/pytorch_rival.py', import.meta.url));
const howToGet = 'pip install torch, or name the interpreter that has it in FUSOR_PYTHON';

/** Importing PyTorch from a cold disk. */
const importSeconds = 120;

/** Interpreters to try: the one that is named, else those that are usually there. */
export function pythonCandidates(environment: NodeJS.ProcessEnv = process.env): readonly string[] {
  const { FUSOR_PYTHON: named } = environment;
  // Debian's packages belong to /usr/bin/python3, also where another one is first on the PATH.
  return named === undefined || named === '' ? ['python3', 'python', '/usr/bin/python3'] : [named];
}

/** PyTorch in the first Python that has it. */
export async function findPyTorch(): Promise<Found> {
  const reasons: string[] = [];
  for (const python of pythonCandidates()) {
    const launch = () => new RivalProcess(`PyTorch (${python})`, python, ['-u', script]);
    const first = launch();
    try {
      const { version } = await first.answer(importSeconds);
      const info = {
        id: 'pytorch',
        label: `PyTorch ${String(version)}`,
        kind: 'rival' as const,
        settings: `${python}, a process of its own; batch-norm folded, TorchScript frozen and optimized for inference`,
      };
      return childRival(info, first, async () => {
        const child = launch();
        await child.answer(importSeconds);
        return child;
      });
    } catch (error) {
      await first.close();
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { missing: { id: 'pytorch', label: 'PyTorch', reason: `${reasons.join('; ')} (${howToGet})` } };
}
