/** Runs work and tells the largest ArrayBuffer that was asked for meanwhile, granted or not. */
export async function largestAllocation(work: () => Promise<unknown>): Promise<number> {
  const genuine = globalThis.ArrayBuffer;
  let largest = 0;
  globalThis.ArrayBuffer = new Proxy(genuine, {
    construct(target, args: [number], newTarget) {
      largest = Math.max(largest, args[0]);
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  try {
    await work();
  } finally {
    globalThis.ArrayBuffer = genuine;
  }
  return largest;
}
