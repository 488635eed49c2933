/**
 * Backends in libraries of their own: `@fusor/cuda`, and in a checkout its emulator. They are opened when a device of
 * theirs is first asked for, so that programs on the CPU never pay for them, and tried in another process first, so that
 * a driver that crashes takes that one along and not this one.
 */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addon } from './addon/environment.ts';

export type BackendKind = 'cuda' | 'cuda-emulated';

/** What became of a backend that was asked for: open, or why not. */
type Outcome = { readonly open: true } | { readonly open: false; readonly reason: string };

const outcomes = new Map<BackendKind, Outcome>();
// That there are packages with a backend for.
const PLATFORMS: readonly string[] = ['linux-x64', 'linux-arm64'];
// A driver wakes a sleeping GPU within seconds; one that hangs should not hang us.
const TRIAL_MILLISECONDS = 30_000;

/** The backend that a device's name belongs to. */
export function backendOf(device: string): BackendKind | undefined {
  const kind = device.split(':', 1)[0];
  return kind === 'cuda' || kind === 'cuda-emulated' ? kind : undefined;
}

/** Opens a backend, once. Says why it cannot be had, or undefined where its devices are listed by the engine. */
export function openBackend(kind: BackendKind): string | undefined {
  let outcome = outcomes.get(kind);
  if (outcome === undefined) {
    outcome = open(kind, (path) => {
      execFileSync(process.execPath, trialArguments(path), {
        ...trialOptions(),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    });
    outcomes.set(kind, outcome);
  }
  return outcome.open ? undefined : outcome.reason;
}

/** Whether opening a backend would hold up the event loop: it is not open yet, and has to be tried first. */
export function takesLong(kind: BackendKind): boolean {
  return !outcomes.has(kind) && needsTrial(kind) && 'path' in findLibrary(kind);
}

/** As {@link openBackend}, without holding up the event loop during the trial. */
export async function openBackendLater(kind: BackendKind): Promise<string | undefined> {
  if (takesLong(kind)) {
    const found = findLibrary(kind);
    if ('path' in found) {
      const failure = await new Promise<unknown>((resolve) => {
        execFile(process.execPath, trialArguments(found.path), trialOptions(), (error, _, stderr) =>
          resolve(error === null ? null : Object.assign(error, { stderr })),
        );
      });
      // Meanwhile somebody may have asked for it at once.
      if (!outcomes.has(kind)) {
        outcomes.set(
          kind,
          open(kind, () => {
            if (failure !== null) throw failure;
          }),
        );
      }
    }
  }
  return openBackend(kind);
}

function open(kind: BackendKind, attempt: (path: string) => void): Outcome {
  const found = findLibrary(kind);
  if ('reason' in found) return { open: false, reason: found.reason };
  try {
    if (needsTrial(kind)) attempt(found.path);
  } catch (error) {
    return { open: false, reason: trialFailure(error) };
  }
  try {
    addon.loadBackend(found.path);
    return { open: true };
  } catch (error) {
    return { open: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The library of a backend, or why there is none. `FUSOR_CUDA_LIBRARY` names one in place of the package's. */
function findLibrary(kind: BackendKind): { readonly path: string } | { readonly reason: string } {
  // A bundle in CommonJS has no URL of its own.
  const { url } = import.meta as { readonly url?: string };
  const here = url === undefined ? undefined : createRequire(url);
  const program = createRequire(join(process.cwd(), 'package.json'));
  const folder = (here && folderOf('@fusor/cuda', here)) ?? folderOf('@fusor/cuda', program);
  if (kind === 'cuda-emulated') {
    const path = join(folder ?? '', 'lib-emulated', 'libfusor_cuda_emulated.so');
    if (folder !== undefined && existsSync(path)) return { path };
    return {
      reason: 'it is for tests and exists in a checkout of fusor only, where `npm run build` builds it',
    };
  }
  const given = process.env.FUSOR_CUDA_LIBRARY;
  if (given !== undefined && given !== '') return { path: given };
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.includes(platform)) return { reason: `there is no CUDA backend for ${platform}` };
  if (folder === undefined) return { reason: '@fusor/cuda is not installed; npm install @fusor/cuda' };
  // In a checkout beside the sources, else in the package for this platform.
  const binaries = folderOf(`@fusor/cuda-${platform}`, createRequire(join(folder, 'package.json')));
  for (const candidate of [folder, binaries]) {
    const path = join(candidate ?? '', 'lib', 'libfusor_cuda.so');
    if (candidate !== undefined && existsSync(path)) return { path };
  }
  const reason = existsSync(join(folder, 'CMakeLists.txt'))
    ? 'libfusor_cuda.so was not built; run `npm run build` on a machine with nvcc of CUDA 13 on its PATH'
    : `@fusor/cuda-${platform} is missing; reinstall @fusor/cuda, with optional dependencies: npm install @fusor/cuda`;
  return { reason };
}

/** Where a package is installed, as seen from a place. */
function folderOf(name: string, from: NodeJS.Require): string | undefined {
  try {
    return dirname(from.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

/**
 * Without the kernel's part of a driver nothing of it runs, so nothing can crash. The emulator has none.
 * `FUSOR_CUDA_TRIAL=1` asks for a trial in any case.
 */
function needsTrial(kind: BackendKind): boolean {
  if (kind === 'cuda-emulated') return false;
  if (process.env.FUSOR_CUDA_TRIAL === '1') return true;
  return ['/dev/nvidiactl', '/dev/nvidia0', '/dev/dxg', '/dev/nvhost-gpu'].some(canBeSeen);
}

/** Whether something exists; what `node --permission` hides cannot be used either. */
function canBeSeen(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}

function trialArguments(path: string): string[] {
  return [fileURLToPath(new URL('./trial.js', import.meta.url)), path];
}

function trialOptions(): { env: NodeJS.ProcessEnv; timeout: number; encoding: 'utf8' } {
  // Preloaded modules and the debugger of this process are no business of the trial.
  const env = { ...process.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' };
  return { env, timeout: TRIAL_MILLISECONDS, encoding: 'utf8' };
}

interface TrialError {
  readonly code?: unknown;
  readonly status?: number | null;
  readonly signal?: string | null;
  readonly killed?: boolean;
  readonly stderr?: string;
}

/** What a trial that failed says: the library's own words, or how the driver ended the process. */
function trialFailure(error: unknown): string {
  const { signal, stderr, code } = error as TrialError;
  const remedy = 'check the driver with nvidia-smi and reinstall it (580 or newer)';
  if (code === 'ETIMEDOUT' || signal === 'SIGTERM') {
    return `the NVIDIA driver did not answer within ${TRIAL_MILLISECONDS / 1000} s in a trial process; ${remedy}`;
  }
  if (signal) return `the NVIDIA driver crashed a trial process (${signal}); ${remedy}`;
  const said = stderr?.trim();
  return said ? said : `a trial process that loads the backend failed; ${remedy}`;
}
