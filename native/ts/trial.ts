// Run in a process of its own by backends.ts: opens a backend and asks for its devices. Ends with 0 where that works,
// whether there are devices or not; else the reason is on stderr.
import { addon } from './addon/environment.ts';

try {
  addon.loadBackend(process.argv[2] ?? '');
  addon.devices();
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
