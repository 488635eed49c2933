import type { EngineInfo } from '../../results/index.ts';
import type { Series } from '../page/view.ts';

const engineColors: Readonly<Record<string, string>> = {
  compiled: 'engine-fusor',
  fusor: 'engine-fusor',
  eager: 'engine-fusor-eager',
  onnxruntime: 'engine-onnxruntime',
  tfjs: 'engine-tfjs',
  pytorch: 'engine-pytorch',
  onednn: 'engine-onednn',
  copy: 'engine-copy',
};

/** An engine has the same colour in every chart of every report. */
export function engineSeries({ id, label }: Pick<EngineInfo, 'id' | 'label'>): Series {
  return { label, color: Object.hasOwn(engineColors, id) ? engineColors[id]! : 'engine-other' };
}

/** Colours of algorithms that every report has, so that Winograd's are the same everywhere. */
const algorithmColors: readonly (readonly [pattern: RegExp, color: string])[] = [
  [/winograd.*4/i, 'algorithm-1'],
  [/winograd/i, 'algorithm-2'],
  [/pointwise|1x1/i, 'algorithm-3'],
  [/^direct/i, 'algorithm-4'],
  [/^stem/i, 'algorithm-5'],
  [/gemm|linear|matmul/i, 'algorithm-7'],
];

const spareColors = ['algorithm-6', 'algorithm-8', 'algorithm-7', 'algorithm-rest'];

/** A colour for each name: those known by themselves, the others in turn, in the order given. */
export function algorithmSeries(names: readonly string[]): Series[] {
  const used = new Set<string>();
  const spare = [...spareColors];
  return names.map((label) => {
    const known = algorithmColors.find(([pattern]) => pattern.test(label))?.[1];
    let color = known !== undefined && !used.has(known) ? known : undefined;
    while (color === undefined) {
      const next = spare.length > 1 ? spare.shift()! : spare[0]!;
      if (!used.has(next) || next === 'algorithm-rest') color = next;
    }
    used.add(color);
    return { label, color };
  });
}
