/**
 * Greatest difference between two engines' results, relative to the greatest element (at least 1); null where something
 * is not a number, or their sizes differ.
 */
export function greatestDifference(reference: Float32Array, other: Float32Array): number | null {
  if (reference.length !== other.length) return null;
  let scale = 1;
  let worst = 0;
  for (const [index, value] of reference.entries()) {
    const difference = Math.abs(value - other[index]!);
    if (!Number.isFinite(difference)) return null;
    scale = Math.max(scale, Math.abs(value));
    worst = Math.max(worst, difference);
  }
  return worst / scale;
}
