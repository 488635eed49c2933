// Formats the C++ sources, or with --check says which are not formatted.
import { spawnSync } from 'node:child_process';

const check = process.argv.includes('--check');
const { stdout } = spawnSync('git', ['ls-files', '*.c', '*.cpp', '*.h', '*.cu', '*.cuh'], {
  encoding: 'utf8',
});
const files = stdout.split('\n').filter(Boolean);
const { status, error } = spawnSync(
  'clang-format',
  [...(check ? ['--dry-run', '--Werror'] : ['-i']), ...files],
  {
    stdio: 'inherit',
  },
);
if (error) {
  console.error(
    'clang-format is missing. Debian, Ubuntu: apt-get install clang-format; macOS: brew install clang-format',
  );
  process.exit(1);
}
process.exit(status ?? 1);
