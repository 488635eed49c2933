import { WeightsError } from '@fusor/errors';

/** Every complaint about a file's content is made here; the name of the file is added by {@link inFile}. */
export function refuse(message: string, options?: ErrorOptions): never {
  throw new WeightsError(message, options);
}

/** Runs work on a file and names the file in whatever is wrong with it. */
export async function inFile<T>(label: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    throw new WeightsError(
      `${label}: ${error.message}`,
      error.cause === undefined ? {} : { cause: error.cause },
    );
  }
}

/** A name from a file, quoted, cut and with control characters escaped, so that messages stay readable. */
export function quoted(name: string, longest = 80): string {
  return JSON.stringify(name.length > longest ? `${name.slice(0, longest)}…` : name);
}

/** At most twelve names from a file, and how many more there are. */
export function listed(names: Iterable<string>): string {
  const shown: string[] = [];
  let more = 0;
  for (const name of names) {
    if (shown.length < 12) shown.push(name);
    else more++;
  }
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
