// Every TypeScript and JavaScript block of the documents is compiled as a reader's own file would be, and run in a folder
// that has the files which the texts speak of. Commands in shell blocks must exist.

import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { manualSeed } from '@fusor/native';
import { resnet18, resnet50 } from '@fusor/resnet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CodeBlock, codeBlocks } from './markdown.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..', '..');
const build = join(root, 'test', 'build', 'docs');

async function documents(): Promise<string[]> {
  const found: string[] = ['README.md'];
  for (const folder of [
    'native',
    'cuda',
    ...(await subfolders('packages')),
    ...(await subfolders('examples')),
  ])
    if (await exists(join(folder, 'README.md'))) found.push(join(folder, 'README.md'));
  if (await exists('docs/guides'))
    for (const name of (await readdir(join(root, 'docs', 'guides'))).sort()) {
      if (name.endsWith('.md')) found.push(join('docs', 'guides', name));
    }
  return found;
}

async function subfolders(folder: string): Promise<string[]> {
  if (!(await exists(folder))) return [];
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
}

async function exists(path: string): Promise<boolean> {
  return readFile(join(root, path)).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'EISDIR',
  );
}

interface Example extends CodeBlock {
  readonly document: string;
  /** Name of its file, without an ending. */
  readonly file: string;
}

const texts = await Promise.all(
  (await documents()).map(async (document) => ({
    document,
    text: await readFile(join(root, document), 'utf8'),
  })),
);
const examples: Example[] = texts.flatMap(({ document, text }) =>
  codeBlocks(text, ['ts', 'js']).map((block) => ({
    ...block,
    document,
    file: `${document.replace(/\.md$/, '').replace(/\W+/g, '-')}-${block.line}`,
  })),
);

/** What the compiler said, by file. */
const complaints = new Map<string, string[]>();
let folder: string;

beforeAll(async () => {
  await rm(build, { recursive: true, force: true });
  await mkdir(build, { recursive: true });
  for (const { file, language, setup, code } of examples)
    await writeFile(join(build, `${file}.${language}`), `${setup}${code}\nexport {};\n`);
  const options = { extends: '../../../tsconfig.base.json', compilerOptions, include: ['*.ts', '*.js'] };
  await writeFile(join(build, 'tsconfig.json'), JSON.stringify(options));
  const compiler = join(root, 'node_modules', '.bin', 'tsc');
  const output = await run(compiler, ['-p', join(build, 'tsconfig.json'), '--pretty', 'false'], {
    cwd: build,
  }).then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
  for (const line of output.split('\n')) {
    const file = /^([\w-]+)\.(?:ts|js)\(/.exec(line)?.[1];
    if (file) complaints.set(file, [...(complaints.get(file) ?? []), line]);
    else if (/error/.test(line)) throw new Error(line);
  }

  folder = await mkdtemp(join(tmpdir(), 'fusor-docs-'));
  await writeFixtures(folder);
});

afterAll(async () => rm(folder, { recursive: true, force: true }));

/** Examples are read, not shipped: they need no declarations, and may leave a name unused to show its type. */
const compilerOptions = {
  composite: false,
  declaration: false,
  declarationMap: false,
  isolatedDeclarations: false,
  allowJs: true,
  checkJs: false,
  skipLibCheck: true,
  noUncheckedIndexedAccess: false,
  rootDir: '.',
  outDir: 'out',
};

/** The files that the texts speak of. Weights are told by content, so what is called .pth may be safetensors. */
async function writeFixtures(target: string): Promise<void> {
  manualSeed(1);
  for (const [name, create] of Object.entries({ resnet18, resnet50 })) {
    const model = create();
    await model.save(join(target, `${name}.safetensors`));
    await copyFile(join(target, `${name}.safetensors`), join(target, `${name}.pth`));
    model.dispose();
  }
  const photo = join(root, 'packages', 'resnet', 'test', 'golden', 'rgb.jpg');
  await mkdir(join(target, 'photos'));
  for (const name of ['photo.jpg', 'a.jpg', 'b.jpg', 'photos/1.jpg', 'photos/2.jpg'])
    await copyFile(photo, join(target, name));
}

describe.each(texts.map(({ document }) => document))('%s', (document) => {
  const own = examples.filter((example) => example.document === document);
  it.each(own.map((example) => [example.line, example] as const))(
    'line %i compiles and runs',
    async (_, { file, compiledOnly }) => {
      expect(complaints.get(file) ?? []).toEqual([]);
      if (compiledOnly !== undefined) return;
      await run(process.execPath, [join(build, 'out', `${file}.js`)], { cwd: folder, timeout: 170_000 });
    },
  );

  it('has no shell command that does not exist', async () => {
    const { text } = texts.find((candidate) => candidate.document === document)!;
    const commands = codeBlocks(text, ['sh', 'bash', 'console']).flatMap(({ code }) => code.split('\n'));
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const binaries = new Set(await readdir(join(root, 'node_modules', '.bin')));
    for (const command of commands) {
      const script = /\bnpm run ([\w:-]+)/.exec(command)?.[1];
      if (script) expect(Object.keys(scripts)).toContain(script);
      const binary = /\b(fusor-[\w-]+)/.exec(command)?.[1];
      if (binary && !/\.(?:html|md|json)/.test(command.slice(command.indexOf(binary)).split(/\s/)[0] ?? ''))
        expect(binaries).toContain(binary);
    }
  });
});
