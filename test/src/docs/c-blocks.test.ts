// The blocks of the guide to the C API: its lines of CMake build its function as an addon and its program, both are run.

import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ops, Tensor } from '@fusor/native';
import { exportTensor, importTensor } from '@fusor/native/interop';
import { beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from './markdown.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const root = join(import.meta.dirname, '..', '..', '..');
const folder = join(root, 'test', 'build', 'docs-c');
const guide = await readFile(join(root, 'docs', 'guides', 'c-api.md'), 'utf8');
const { include_dir: headers } = require('node-api-headers') as { include_dir: string };

/** What the guide leaves to the reader: the callback, and waiting for it. */
const program = (block: string) => {
  const lines = block.split('\n');
  const isInclude = (line: string) => line.startsWith('#include');
  return `${lines.filter(isInclude).join('\n')}
#include <stdatomic.h>
#include <stdio.h>
static atomic_int my_state = -1;
static void on_done(void* state, fusor_status status, const char* message) {
  if (status != FUSOR_OK) fprintf(stderr, "%s\\n", message);
  atomic_store((atomic_int*)state, status);
}
int main(void) {
${lines.filter((line) => !isInclude(line)).join('\n')}
  while (atomic_load(&my_state) < 0) {}
  for (int i = 0; i < 6; ++i) printf("%g ", result[i]);
  fusor_tensor_release(y);
  fusor_environment_destroy(environment);
  return atomic_load(&my_state) == FUSOR_OK ? 0 : 1;
}
`;
};

const addon = (block: string) => `#include <fusor/node.h>
#include <node_api.h>
${block}
NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "norm", NAPI_AUTO_LENGTH, norm, NULL, &function);
  napi_set_named_property(env, exports, "norm", function);
  return exports;
}
`;

const project = (block: string) => `cmake_minimum_required(VERSION 3.22)
project(guide LANGUAGES C)
set(CMAKE_C_STANDARD 11)
add_library(my_addon MODULE addon.c)
target_include_directories(my_addon PRIVATE "${headers}")
set_target_properties(my_addon PROPERTIES PREFIX "" SUFFIX ".node")
${block}
add_executable(program program.c)
target_link_libraries(program PRIVATE fusor::fusor)
`;

describe.skipIf(process.platform === 'win32')('docs/guides/c-api.md', () => {
  beforeAll(async () => {
    const [inProgram, inAddon, ...more] = codeBlocks(guide, ['c']).map(({ code }) => code);
    const [inProject, ...moreCmake] = codeBlocks(guide, ['cmake']).map(({ code }) => code);
    expect([...more, ...moreCmake]).toEqual([]); // each block has its place below
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'program.c'), program(inProgram!));
    await writeFile(join(folder, 'addon.c'), addon(inAddon!));
    await writeFile(join(folder, 'CMakeLists.txt'), project(inProject!));
    const build = join(folder, 'build');
    await run('cmake', ['-S', folder, '-B', build, '-DCMAKE_C_FLAGS=-Wall -Werror']);
    await run('cmake', ['--build', build]);
  });

  it('has a program that prints what the formula gives', async () => {
    const { stdout } = await run(join(folder, 'build', 'program'), [], { timeout: 170_000 });
    expect(stdout.trim()).toBe('1 0 3 0 5 0');
  });

  it('has a function whose result JavaScript gets', async () => {
    const { norm } = require(join(folder, 'build', 'my_addon.node')) as {
      norm(x: unknown, residual: unknown): never;
    };
    const [x, residual] = [Tensor.randn([3, 7]), Tensor.randn([3, 7])];
    const result = importTensor(norm(exportTensor(x), exportTensor(residual)));
    const expected = ops.layerNorm(ops.add(x, residual), [7]);
    const [actual, wanted] = [await result.data('f32'), await expected.data('f32')];
    expect(result.shape).toEqual([3, 7]);
    for (const [i, value] of wanted.entries()) expect(actual[i]).toBeCloseTo(value, 5);
    expect(() => norm(1, 2)).toThrow('expected what exportTensor gives');
  });
});
