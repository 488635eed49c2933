// What programs compiled against Fusor's headers depend on, as text: exported functions with their types, the layout of every
// struct, the values of every enumeration. A generated C program tells sizes and offsets.
//
//   node scripts/abi.mjs            compares with abi/fusor.txt and fails if they differ
//   node scripts/abi.mjs --update   writes abi/fusor.txt and cmake/fusor.def: what comes out of it is a change of the ABI, made on purpose
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const native = join(import.meta.dirname, '..');
const recorded = join(native, 'abi', 'fusor.txt');
// The same functions for Windows, whose linker wants a list.
const exportsForWindows = join(native, 'cmake', 'fusor.def');
const headers = ['types.h', 'ops.h', 'fusor.h', 'backend.h', 'node.h'];

function source(header) {
  const text = readFileSync(join(native, 'include', 'fusor', header), 'utf8');
  return text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/^#.*(?:\\\n.*)*$/gm, '');
}

/** The names of the members that one declaration of a struct declares: `int a, *b, c[4]`, `void (*f)(int x)`. */
function memberNames(declaration) {
  const functionPointer = /\(\s*\*\s*(\w+)\s*\)\s*\(/.exec(declaration);
  if (functionPointer) return [functionPointer[1]];
  return declaration.split(',').map((part) => /(\w+)\s*(?:\[[^\]]*\]\s*)*$/.exec(part.trim())[1]);
}

function parse() {
  const structs = [];
  const enumerators = [];
  const functions = [];
  for (const header of headers) {
    const text = source(header);
    for (const [, body, name] of text.matchAll(/typedef struct \w+ \{([^{}]*)\}\s*(\w+)\s*;/g)) {
      const members = body
        .split(';')
        .map((line) => line.trim())
        .filter(Boolean);
      structs.push({ name, members: members.flatMap(memberNames) });
    }
    for (const [, body] of text.matchAll(/enum \w+ \{([^{}]*)\}/g)) {
      for (const part of body.split(',')) {
        const name = /^\s*(\w+)/.exec(part);
        if (name) enumerators.push(name[1]);
      }
    }
    for (const [, prototype] of text.matchAll(/FUSOR_API\s+([^;{]+);/g)) {
      functions.push(prototype.replace(/\s+/g, ' ').trim());
    }
  }
  return { structs, enumerators, functions };
}

/** Sizes, alignments, offsets and values, by a C program. */
function layouts({ structs, enumerators }) {
  const lines = structs.flatMap(({ name, members }) => [
    `  printf("struct ${name}: %zu bytes, aligned to %zu\\n", sizeof(${name}), _Alignof(${name}));`,
    ...members.map(
      (member) =>
        `  printf("  %4zu  ${member}: %zu\\n", offsetof(${name}, ${member}), sizeof(((${name}*)0)->${member}));`,
    ),
  ]);
  const values = enumerators.map((name) => `  printf("${name} = %d\\n", (int)${name});`);
  const program = [
    '#include <stddef.h>',
    '#include <stdio.h>',
    ...headers.map((header) => `#include "fusor/${header}"`),
    'int main(void) {',
    ...lines,
    ...values,
    '  return 0;',
    '}',
    '',
  ].join('\n');
  const folder = mkdtempSync(join(tmpdir(), 'fusor-abi-'));
  try {
    const file = join(folder, 'layouts.c');
    const executable = join(folder, 'layouts');
    writeFileSync(file, program);
    const nodeApi = createRequire(import.meta.url)('node-api-headers').include_dir;
    const include = ['-I', join(native, 'include'), '-I', nodeApi];
    // Nothing of the libraries is linked: node.h's helpers are not called, and what they would need may stay missing.
    const unlinked = [
      '-O1',
      '-ffunction-sections',
      '-Wl,--gc-sections',
      '-Wl,--unresolved-symbols=ignore-all',
    ];
    execFileSync(process.env.CC ?? 'cc', ['-std=c11', ...unlinked, ...include, file, '-o', executable]);
    return execFileSync(executable, { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function exportedSymbols() {
  const output = execFileSync('nm', ['-D', '--defined-only', join(native, 'lib', 'libfusor.so')], {
    encoding: 'utf8',
  });
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').at(-1).replace(/@.*/, ''))
    .sort();
}

const parsed = parse();
const declared = parsed.functions.map((prototype) => /(\w+)\s*\(/.exec(prototype)[1]).sort();
const exported = exportedSymbols();
if (declared.join() !== exported.join()) {
  const only = (left, right) => left.filter((name) => !right.includes(name)).join(', ') || 'none';
  console.error(
    `declared, not exported: ${only(declared, exported)}; exported, not declared: ${only(exported, declared)}`,
  );
  process.exit(1);
}
const text = [
  '# Functions of libfusor',
  ...parsed.functions.sort(),
  '',
  '# Layouts and values, 64-bit',
  layouts(parsed),
].join('\n');

const list = [
  '; What fusor.dll shows to others: the C API of include/fusor/fusor.h and nothing else. From scripts/abi.mjs --update.',
  'LIBRARY fusor.dll',
  'EXPORTS',
  ...declared.map((name) => `  ${name}`),
  '',
].join('\n');

if (process.argv.includes('--update')) {
  writeFileSync(recorded, text);
  writeFileSync(exportsForWindows, list);
} else if (readFileSync(exportsForWindows, 'utf8') !== list) {
  console.error(
    'cmake/fusor.def does not list what fusor.h declares. To write it anew: npm run test:abi -- --update',
  );
  process.exit(1);
} else if (readFileSync(recorded, 'utf8') !== text) {
  const folder = mkdtempSync(join(tmpdir(), 'fusor-abi-'));
  writeFileSync(join(folder, 'now.txt'), text);
  try {
    execFileSync('diff', ['-u', recorded, join(folder, 'now.txt')], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  } catch {
    console.error('The ABI is not the recorded one. If that is meant: npm run test:abi -- --update');
  }
  rmSync(folder, { recursive: true });
  process.exit(1);
} else {
  console.log(
    `${parsed.functions.length} functions, ${parsed.structs.length} structs, ${parsed.enumerators.length} values: as recorded`,
  );
}
