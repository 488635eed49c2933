// Reading compilers' reports, and comparing them. Without the file system, so that tests can feed it texts.

/** Kernels of a `ptxas -v` report: name as mangled, registers, bytes of spills (stores + loads), stack, static shared memory. */
export function parsePtxas(text) {
  const kernels = [];
  let current;
  for (const line of text.split('\n')) {
    const entry = /Compiling entry function '([^']+)' for '(sm_\w+)'/.exec(line);
    if (entry) {
      current = {
        name: entry[1],
        architecture: entry[2],
        registers: 0,
        spillBytes: 0,
        stackBytes: 0,
        sharedBytes: 0,
      };
      kernels.push(current);
    }
    if (current === undefined) continue;
    const stack = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    if (stack) {
      current.stackBytes = Number(stack[1]);
      current.spillBytes = Number(stack[2]) + Number(stack[3]);
    }
    const used = /Used (\d+) registers/.exec(line);
    if (used) {
      current.registers = Number(used[1]);
      current.sharedBytes = Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0);
      current = undefined;
    }
  }
  return kernels;
}

/** mma.sync and wgmma.mma_async in each kernel of a PTX text. */
export function countTensorInstructions(ptx) {
  const counts = new Map();
  for (const part of ptx.split(/^(?=[^\n]*\.entry )/m)) {
    const name = /\.entry\s+([\w$]+)/.exec(part)?.[1];
    if (name === undefined) continue;
    counts.set(name, part.match(/\b(?:mma\.sync|wgmma\.mma_async)\b/g)?.length ?? 0);
  }
  return counts;
}

/** What has become worse than committed (problems), and what has changed otherwise (notes). */
export function compareResources(committed, measured) {
  const problems = [];
  const notes = [];
  for (const [name, now] of Object.entries(measured)) {
    const before = committed[name];
    if (before === undefined) {
      if (now.spillBytes > 0) problems.push(`${name} is new and spills ${now.spillBytes} bytes`);
      else notes.push(`${name} is not in the table yet`);
      continue;
    }
    if (now.spillBytes > before.spillBytes) {
      problems.push(`${name} spills ${now.spillBytes} bytes, ${before.spillBytes} before`);
    }
    if (now.tensorInstructions < before.tensorInstructions) {
      problems.push(
        `${name} has ${now.tensorInstructions} tensor-core instructions, ${before.tensorInstructions} before`,
      );
    }
    if (now.registers !== before.registers) {
      notes.push(`${name} uses ${now.registers} registers, ${before.registers} before`);
    }
  }
  for (const [name, { tensorInstructions }] of Object.entries(committed)) {
    if (name in measured) continue;
    const text = `${name} is in the table and is gone`;
    if (tensorInstructions > 0) problems.push(`${text}, with ${tensorInstructions} tensor-core instructions`);
    else notes.push(text);
  }
  return { problems, notes };
}
