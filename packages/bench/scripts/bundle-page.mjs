// Makes the two assets that every HTML report carries: the page's script, with the parts of Observable Plot it uses and
// their licences, and its style. Run by `npm run build`; the package ships the results, not the libraries.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = new URL('../', import.meta.url);
const assets = new URL('dist/report/assets/', root);
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
await writeFile(new URL('page.js', assets), `${await licences(moduleIds)}${safe}\n`);
await copyFile(new URL('src/report/page.css', root), new URL('page.css', assets));

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
