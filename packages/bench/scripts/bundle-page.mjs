// Makes the two assets that every HTML report carries: the page's script, with the parts of Observable Plot it uses and
// their licences, and its style. Run by `npm run build`; the package ships the results, packed to a quarter, not the libraries.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const root = new URL('../', import.meta.url);
const assets = new URL('dist/report/assets/', root);
await rm(assets, { recursive: true, force: true });
await mkdir(assets, { recursive: true });

const bundle = await rolldown({
  input: fileURLToPath(new URL('src/report/client/main.ts', root)),
  platform: 'browser',
});
const { output } = await bundle.generate({ format: 'iife', minify: true });
await bundle.close();
const [{ code, moduleIds }] = output;
// `</script` would end the element that the code is put into, `<!--` would start a comment in it.
const safe = code
  .trim()
  .replace(/<\/(?=script)/gi, '<\\/')
  .replace(/<!--/g, '<\\!--');
await pack('page.js', `${await licences(moduleIds)}${safe}\n`);
await pack('page.css', await readFile(new URL('src/report/page.css', root)));

async function pack(name, content) {
  await writeFile(new URL(`${name}.br`, assets), brotliCompressSync(content));
}

/** Names, versions and licences of the packages inside: their licences ask for it. */
async function licences(ids) {
  const folders = new Set(
    ids.map((id) => /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1]).filter(Boolean),
  );
  const texts = await Promise.all(
    [...folders].sort().map(async (folder) => {
      const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'));
      const text = await readFile(`${folder}/LICENSE`, 'utf8');
      return `${name} ${version} (${license})\n${text.trim()}`;
    }),
  );
  return `/*!\n${texts.join('\n\n').replaceAll('*/', '* /')}\n*/\n`;
}
