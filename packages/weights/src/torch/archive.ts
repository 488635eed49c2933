// PyTorch's zip container (since 1.6): NAME/data.pkl, and NAME/data/KEY with the bytes of each storage.
import type { ByteSource } from '../byte-source.ts';
import { listed, quoted, refuse } from '../refuse.ts';
import type { Storage, WeightsFile } from '../stored.ts';
import { PickleReader } from './pickle-reader.ts';
import { tensorsOf } from './state-dict.ts';
import { TorchHost } from './storages.ts';
import { Unpickler } from './unpickler.ts';
import type { TorchStorage } from './values.ts';
import { readZipDirectory, type ZipEntry } from './zip.ts';

/** Reads the directory and the pickle of an archive; storages stay where they are. */
export async function openTorchArchive(source: ByteSource, unwrap: boolean | string): Promise<WeightsFile> {
  const entries = await readZipDirectory(source);
  const root = rootOf(entries);
  await checkByteOrder(source, entries.get(`${root}/byteorder`));

  const pickle = entries.get(`${root}/data.pkl`)!;
  const start = await pickle.position();
  const host = new TorchHost();
  const value = await new Unpickler(new PickleReader(source, start, start + pickle.size), host).load();

  const tensors = tensorsOf(value, unwrap, (storage) => locate(storage, entries, root));
  return { format: 'torch-zip', metadata: new Map(), tensors };
}

/** The folder that everything lies in. */
function rootOf(entries: ReadonlyMap<string, ZipEntry>): string {
  const roots = [...entries.keys()].flatMap((name) => /^([^/]+)\/data\.pkl$/.exec(name)?.[1] ?? []);
  const root = roots[0];
  if (root === undefined) {
    const names = listed([...entries.keys()].map((name) => quoted(name)));
    return refuse(`a zip archive, but not PyTorch's: no data.pkl among ${names || 'no entries'}`);
  }
  if (roots.length > 1)
    refuse(`a zip archive with several data.pkl, in ${listed(roots.map((name) => quoted(name)))}`);
  if (entries.has(`${root}/constants.pkl`)) {
    refuse('a TorchScript archive (torch.jit.save), which holds a program: save the state_dict instead');
  }
  return root;
}

async function checkByteOrder(source: ByteSource, entry: ZipEntry | undefined): Promise<void> {
  if (entry === undefined || entry.size === 0) return;
  const bytes = await source.read(await entry.position(), Math.min(entry.size, 16));
  const order = String.fromCharCode(...bytes).trim();
  if (order !== 'little') refuse(`written in byte order ${quoted(order)}; only little-endian files are read`);
}

function locate(storage: TorchStorage, entries: ReadonlyMap<string, ZipEntry>, root: string): Storage {
  const entry = entries.get(`${root}/data/${storage.key}`);
  if (entry === undefined) return refuse(`storage ${quoted(storage.key)} is not in the archive`);
  const declared = storage.elements * storage.elementBytes;
  // The record may end with a fraction of an element, when a storage was reinterpreted.
  if (entry.size < declared || entry.size - declared >= storage.elementBytes) {
    refuse(`storage ${quoted(storage.key)} is declared with ${declared} bytes but has ${entry.size}`);
  }
  return { position: entry.position };
}
