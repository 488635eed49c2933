// Tensor-core instructions in machine code, as `cuobjdump -sass` lists it.
import { kernelNames } from './read.mjs';

/** Reads the listing line by line: it is hundreds of megabytes. */
export class SassReader {
  /** `{ name, architecture, count }` of every kernel, its name as mangled. */
  counts = [];
  #architecture = '';

  add(line) {
    const architecture = /^\s*(?:code for|arch =) (sm_\w+)/.exec(line)?.[1];
    if (architecture !== undefined) this.#architecture = architecture;
    const name = /^\s*Function : (\S+)/.exec(line)?.[1];
    if (name !== undefined) this.counts.push({ name, architecture: this.#architecture, count: 0 });
    // HMMA: mma.sync, HGMMA: wgmma. A predicate may stand before either.
    if (/^\s*\/\*[0-9a-f]+\*\/\s+(?:@!?U?P\w+\s+)?HG?MMA\b/.test(line)) this.counts.at(-1).count += 1;
  }
}

/** Code that is for one card alone, `sm_90a`, is never any other's; `sm_80` in the table stands for all others. */
const isSpecial = (architecture) => architecture.endsWith('a');

/**
 * What the table says has tensor-core instructions in the PTX, and does not have them here, in the code for one of the
 * architectures of its kind that there is code for.
 */
export function kernelsWithoutTensorCores(table, counts) {
  const names = kernelNames(counts.map(({ name }) => name));
  const built = [...new Set(counts.map(({ architecture }) => architecture))];
  const found = new Set(
    counts.flatMap(({ architecture, count }, i) => (count > 0 ? [`${names[i]} ${architecture}`] : [])),
  );
  return Object.entries(table).flatMap(([key, { architecture, tensorInstructions }]) => {
    if (tensorInstructions === 0) return [];
    const name = key.slice(key.indexOf(': ') + 2);
    const alike = built.filter((other) => isSpecial(other) === isSpecial(architecture));
    const wanted = alike.length === 0 || isSpecial(architecture) ? [architecture] : alike;
    return wanted
      .filter((each) => !found.has(`${name} ${each}`))
      .map((each) => `${key} has ${tensorInstructions} in the PTX and none in the code for ${each}`);
  });
}
