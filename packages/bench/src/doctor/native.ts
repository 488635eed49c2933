import { findPackage } from '../rival/optional.ts';
import { processReport } from './process-report.ts';

/** A device as Fusor sees it. */
export interface DeviceFacts {
  readonly id: string;
  readonly name: string;
  readonly available: boolean;
  readonly reason?: string;
  readonly instructionSet: string;
  readonly computeUnits: number;
}

/** The native part of Fusor: loaded from where, or not and why. */
export type NativeFacts =
  | {
      readonly loaded: true;
      /** Files of it in this process. */
      readonly libraries: readonly string[];
      readonly threads: number;
      readonly devices: readonly DeviceFacts[];
    }
  | { readonly loaded: false; readonly error: string };

/** A package of Fusor: which version, and where. */
export interface PackageFacts {
  readonly name: string;
  /** Null where it is not installed. */
  readonly version: string | null;
  readonly folder: string | null;
}

const packages = [
  '@fusor/native',
  '@fusor/cuda',
  '@fusor/weights',
  '@fusor/layers',
  '@fusor/resnet',
  '@fusor/bench/results',
];

export function packageFacts(): Promise<PackageFacts[]> {
  return Promise.all(
    packages.map(async (entry): Promise<PackageFacts> => {
      const name = entry.split('/').slice(0, 2).join('/');
      try {
        const { version, folder } = await findPackage(entry);
        return { name, version, folder };
      } catch {
        return { name, version: null, folder: null };
      }
    }),
  );
}

/** Loads the native part; that it cannot be loaded is an answer like any other. */
export async function nativeFacts(): Promise<NativeFacts> {
  try {
    const { devices, getThreads } = await import('@fusor/native');
    const found = await devices();
    return {
      loaded: true,
      libraries: loadedLibraries(),
      threads: getThreads(),
      devices: found.map(({ id, name, available, reason, instructionSet, computeUnits }) => ({
        id,
        name,
        available,
        ...(reason === undefined ? {} : { reason }),
        instructionSet,
        computeUnits,
      })),
    };
  } catch (error) {
    return { loaded: false, error: error instanceof Error ? error.message : String(error) };
  }
}

/** Those of the libraries in this process that are Fusor's. */
function loadedLibraries(): string[] {
  const { sharedObjects = [] } = processReport();
  return [...new Set(sharedObjects.filter((path) => /fusor[^/\\]*\.(node|so|dylib|dll)/.test(path)))];
}
