import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OnnxModel, type OnnxTensor, readModel, readTensor } from './model.ts';

/** Where Debian's `libonnx-testdata` puts the cases that the ONNX project recorded. */
const dataFolder = '/usr/share/libonnx-testdata/data';

/** A recorded case: a model, the values of its inputs, and the outputs that belong to them. */
export interface OnnxCase {
  /** `node/test_relu` */
  readonly name: string;
  readonly model: OnnxModel;
  /** One entry per file; a file that is not a tensor (a sequence, an optional) cannot be read and is absent. */
  readonly inputs: readonly (OnnxTensor | undefined)[];
  readonly outputs: readonly (OnnxTensor | undefined)[];
}

/**
 * Makes sure that the cases are there: they are, or Debian's package manager brings them (as root only). Returns the
 * reason when they cannot be had.
 */
export function provideCases(): string | undefined {
  if (existsSync(dataFolder)) return undefined;
  if (process.getuid?.() !== 0)
    return `${dataFolder} is not there; apt-get install libonnx-testdata brings it`;
  const install = spawnSync('apt-get', ['install', '--yes', '--no-install-recommends', 'libonnx-testdata'], {
    encoding: 'utf8',
    timeout: 300_000,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (existsSync(dataFolder)) return undefined;
  const why = install.error?.message ?? install.stderr.trim().split('\n').at(-1) ?? 'no reason given';
  return `libonnx-testdata could not be installed: ${why}`;
}

/** Reads every case, in alphabetical order. */
export function* readCases(): Generator<OnnxCase> {
  for (const group of ['node', 'pytorch-converted', 'pytorch-operator', 'simple']) {
    for (const name of readdirSync(join(dataFolder, group)).toSorted()) {
      const folder = join(dataFolder, group, name);
      const model = readModel(readFileSync(join(folder, 'model.onnx')));
      const read = (kind: 'input' | 'output', infos: OnnxModel['graph']['inputs']) =>
        infos.map((info, index) => {
          const file = join(folder, 'test_data_set_0', `${kind}_${index}.pb`);
          return info.kind === 'tensor' && existsSync(file) ? readTensor(readFileSync(file)) : undefined;
        });
      yield {
        name: `${group}/${name}`,
        model,
        inputs: read('input', model.graph.inputs),
        outputs: read('output', model.graph.outputs),
      };
    }
  }
}
