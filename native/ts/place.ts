/**
 * Where an operation was called from. Work runs after the call has returned, so a failure then has no useful stack: the
 * call's place travels with the work as part of its label, and into the message of the error.
 */
import { fileURLToPath } from 'node:url';

/** Files there are ours; the caller is the first frame outside. Loaders name modules by URL or by path. */
function ourFolders(url: string | undefined): readonly string[] {
  // A bundler that makes CommonJS of this module leaves no import.meta.url: one file then holds us and the caller.
  if (url === undefined) return [];
  const ours = new URL('.', url);
  return ours.protocol === 'file:' ? [ours.href, fileURLToPath(ours)] : [ours.href];
}
const folders = ourFolders(import.meta.url);

// Enough for the longest way from a method of Tensor to `dispatch`. The time of a capture grows with this number.
const FRAMES = 9;

function asCallSites(_error: Error, callSites: NodeJS.CallSite[]): NodeJS.CallSite[] {
  return callSites;
}

/** `file:///app/main.js:12:7` of the first caller outside this package, from `above` on; undefined if it is too far. */
export function callPlace(above: (...args: never[]) => unknown): string | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: NodeJS.CallSite[] } = {};
  try {
    Error.prepareStackTrace = asCallSites;
    Error.stackTraceLimit = FRAMES;
    Error.captureStackTrace(holder, above);
    for (const site of holder.stack ?? []) {
      const file = site.getFileName();
      if (typeof file === 'string' && !folders.some((folder) => file.startsWith(folder))) {
        return `${file}:${site.getLineNumber()}:${site.getColumnNumber()}`;
      }
    }
    return undefined;
  } catch {
    // A frozen Error (hardened environments) leaves messages without places.
    return undefined;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}
