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

/** What the table says has tensor-core instructions in the PTX, and does not have them here. */
export function kernelsWithoutTensorCores(table, counts) {
  const names = kernelNames(counts.map(({ name }) => name));
  const found = new Set(
    counts.flatMap(({ architecture, count }, i) => (count > 0 ? [`${names[i]} ${architecture}`] : [])),
  );
  return Object.entries(table).flatMap(([key, { architecture, tensorInstructions }]) => {
    const name = key.slice(key.indexOf(': ') + 2);
    return tensorInstructions > 0 && !found.has(`${name} ${architecture}`)
      ? [`${key} has ${tensorInstructions} in the PTX and none in the code for ${architecture}`]
      : [];
  });
}
