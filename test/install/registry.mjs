// A registry on loopback that has the packed tarballs and nothing else: the @fusor scope is routed here, so that no cell can
// get a package of that name from anywhere else.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

/** The text of one file of a .tgz: 512-byte headers with a name and an octal size, each followed by padded content. */
function readFromTarball(tarball, name) {
  const tar = gunzipSync(tarball);
  for (let offset = 0; offset + 512 <= tar.length; ) {
    const field = (start, length) =>
      tar.toString('latin1', offset + start, offset + start + length).split('\0')[0];
    const size = Number.parseInt(field(124, 12) || '0', 8);
    if (field(0, 100) === name) return tar.toString('utf8', offset + 512, offset + 512 + size);
    offset += 512 + Math.ceil(size / 512) * 512;
  }
  throw new Error(`no ${name} in the tarball`);
}

/** A .tgz with a package.json and nothing else. */
function tarballOf(manifest) {
  const content = Buffer.from(JSON.stringify(manifest));
  const header = Buffer.alloc(512);
  const octal = (value, length) => `${value.toString(8).padStart(length - 1, '0')}\0`;
  header.write('package/package.json', 0);
  header.write(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(content.length, 12) + octal(0, 12), 100);
  header.write('        0', 148); // the checksum counts as spaces; a file
  header.write('ustar\x0000', 257);
  header.write(
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    ),
    148,
  );
  const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
  return gzipSync(Buffer.concat([header, content, padding, Buffer.alloc(1024)]));
}

/**
 * Serves all `.tgz` in `folders`, and for the packages in `manifests` (of platforms that this machine cannot build for) one
 * with the manifest alone: yarn 1 fetches all optional dependencies, deno does not look at `libc`. Package managers that refuse
 * what is too new see an old date.
 */
export async function startRegistry(folders, manifests) {
  const packages = new Map();
  for (const folder of folders) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.tgz'))) {
      const tarball = readFileSync(join(folder, file));
      const manifest = JSON.parse(readFromTarball(tarball, 'package/package.json'));
      packages.set(manifest.name, { file, tarball, manifest });
    }
  }

  for (const manifest of manifests) {
    packages.set(manifest.name, { file: 'stand-in.tgz', tarball: tarballOf(manifest), manifest });
  }

  function packument({ file, tarball, manifest }, origin) {
    const published = '2020-01-01T00:00:00.000Z';
    const version = {
      ...manifest,
      _id: `${manifest.name}@${manifest.version}`,
      dist: {
        tarball: `${origin}/${manifest.name}/-/${file}`,
        shasum: createHash('sha1').update(tarball).digest('hex'),
        integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
      },
    };
    return {
      _id: manifest.name,
      name: manifest.name,
      'dist-tags': { latest: manifest.version },
      versions: { [manifest.version]: version },
      time: { created: published, modified: published, [manifest.version]: published },
    };
  }

  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname).slice(1);
    const [, name, file] = /^(@[^/]+\/[^/]+)(?:\/-\/(.+))?$/.exec(path) ?? [];
    const found = packages.get(name);
    if (found === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"not found"}');
    } else if (file !== undefined) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(found.tarball);
    } else {
      const origin = `http://127.0.0.1:${server.address().port}`;
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(packument(found, origin)));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => server.close(),
  };
}
