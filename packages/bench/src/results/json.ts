import type { Results } from './schema.ts';

/** A results file as text. */
export function resultsJson(results: Results): string {
  return roundedJson(results);
}

/** JSON with figures to six digits, which is more than clocks give. */
export function roundedJson(value: object): string {
  const round = (_: string, entry: unknown) =>
    typeof entry === 'number' && !Number.isInteger(entry) ? Number(entry.toPrecision(6)) : entry;
  return `${JSON.stringify(value, round, 1)}\n`;
}
