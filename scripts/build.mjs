// `npm run build`: everything, through turbo's cache.
import { spawnSync } from 'node:child_process';
import { toolchain } from './toolchain.mjs';

const tools = toolchain();
const missing = [
  !tools.cmake && 'CMake 3.22 or newer (Debian, Ubuntu: apt-get install cmake; macOS: brew install cmake)',
  !tools.compiler && 'a C++20 compiler (Debian, Ubuntu: apt-get install g++; macOS: xcode-select --install)',
].filter(Boolean);
if (missing.length > 0) {
  console.error(`Fusor's engine is built from C++ sources. This machine lacks:\n  ${missing.join('\n  ')}`);
  process.exit(1);
}
const { status } = spawnSync('turbo', ['run', 'build', '--output-logs=new-only', ...process.argv.slice(2)], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, FUSOR_TOOLCHAIN: JSON.stringify(tools), TURBO_TELEMETRY_DISABLED: '1' },
});
process.exit(status ?? 1);
