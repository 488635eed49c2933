// `gpu/check bench:kernels [OP]`: what memory bounds, next to a copy on the device: a quarter of a gigabyte of bf16 in rows
// from 768 to 64k wide. Bytes are the least that must move. In turns, medians over rounds; each turn is many launches.
import { ops, synchronize, Tensor } from '@fusor/native';

const ELEMENTS = 128 << 20;
const WIDTHS = [768, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
const ROUNDS = 7;
const LAUNCHES = 20;

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Tensors of a row's width, by name: what each op reads and writes of `rows x width`, in elements of its dtype. */
const OPS = {
  layerNorm: {
    tensors: 2,
    run: ({ x, width, weight, bias }) => [ops.layerNorm(x, width, { weight, bias })],
  },
  addLayerNorm: {
    tensors: 4,
    run: ({ x, other, width, weight, bias }) =>
      Object.values(ops.addLayerNorm(x, other, width, { weight, bias })),
  },
  rmsNorm: { tensors: 2, run: ({ x, width, weight }) => [ops.rmsNorm(x, width, { weight })] },
  softmax: { tensors: 2, run: ({ x }) => [ops.softmax(x)] },
  gelu: { tensors: 2, run: ({ x }) => [ops.gelu(x)] },
  'residualAdd, relu': {
    tensors: 3,
    run: ({ x, other }) => [ops.residualAdd(x, other, { activation: 'relu' })],
  },
};

/** Values to tell, by title: of each op in `chosen`, and of the copy beside them. */
async function measure(width, chosen, device) {
  const emulated = device.startsWith('cuda-emulated');
  const [launches, rounds, elements] = emulated ? [1, 1, 4096] : [LAUNCHES, ROUNDS, ELEMENTS];
  const rows = Math.max(1, Math.floor(elements / width));
  const make = (...shape) => Tensor.randn(shape).to('bf16').to(device);
  // Random numbers of a sixty-fourth, repeated: the host need not make them all.
  const part = make(Math.max(1, Math.ceil(rows / 64)), width);
  const whole = () => ops.concat(Array(Math.min(64, rows)).fill(part));
  const inputs = { x: whole(), other: whole(), width, weight: make(width), bias: make(width) };
  const target = whole();
  const copy = {
    tensors: 2,
    run: ({ x }) => {
      target.assign(x);
      return [];
    },
  };
  const work = Object.entries({ copy, ...chosen });
  const times = Object.fromEntries(work.map(([name]) => [name, []]));
  for (let round = -1; round < rounds; ++round) {
    for (const [name, { run }] of work) {
      await synchronize(device);
      const start = performance.now();
      for (let i = 0; i < launches; ++i) for (const result of run(inputs)) result.dispose();
      await synchronize(device);
      if (round >= 0) times[name].push((performance.now() - start) / launches);
    }
  }
  const bandwidth = Object.fromEntries(
    work.map(([name, { tensors }]) => [name, (inputs.x.size * 2 * tensors) / median(times[name]) / 1e6]),
  );
  for (const tensor of [part, target, ...Object.values(inputs)]) tensor.dispose?.();
  return Object.keys({ ...chosen, copy }).map((name) => [
    `${name}, rows of ${width}, bf16`,
    {
      'GB/s': bandwidth[name].toFixed(0),
      'of a copy': (bandwidth[name] / bandwidth.copy).toFixed(3),
      µs: (median(times[name]) * 1000).toFixed(1),
    },
  ]);
}

export async function run({ words, device, isDone, isLate, add }) {
  const emulated = device.startsWith('cuda-emulated');
  const chosen = Object.fromEntries(
    Object.entries(OPS).filter(([name]) => words.every((word) => name.includes(word))),
  );
  for (const width of emulated ? [48] : WIDTHS) {
    if (Object.keys(chosen).every((name) => isDone(`${name}, rows of ${width}, bf16`))) continue;
    if (isLate()) return;
    const start = Date.now();
    try {
      for (const [title, values] of await measure(width, chosen, device)) {
        add(title, { status: 'measured', values, seconds: (Date.now() - start) / 1000 });
      }
    } catch (error) {
      add(`rows of ${width}`, { status: 'failed', detail: String(error.stack ?? error) });
    }
  }
}
