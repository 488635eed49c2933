// libuv has four threads to decode with. More at a time would not be faster, and a decoded photo takes tens of megabytes.
const atOnce = 4;

/** `Promise.all(items.map(work))` with at most four of them under way. */
export async function mapLimited<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
