import {
  type AnyModule,
  BatchNorm2d,
  buffer,
  Conv2d,
  Dropout,
  Flatten,
  Identity,
  Linear,
  Module,
  ModuleDict,
  ModuleList,
  ReLU,
  Residual,
  Sequential,
} from '@fusor/layers';
import { ArgumentError, DeviceError, keep, memory, ops, scope, synchronize, Tensor } from '@fusor/native';
import { describe, expect, it } from 'vitest';
import { settledMemory } from '../../../native/test/settled-memory.ts';
import { expectTensorsClose, numbers } from './support/compare.ts';
import { readGolden } from './support/golden.ts';

const { tree } = readGolden();

/** The module of the golden file. */
class Block extends Module {
  conv1 = new Conv2d(3, 8, 3, { padding: 1, bias: false });
  bn1 = new BatchNorm2d(8);
  blocks = [new Linear(4, 4), new Identity()];
  head = new Sequential(new ReLU(), new Flatten(), new Linear(8, 2, { bias: false }));
  // None of these is state.
  scale = 2;
  label = 'block';
  options = { padding: 1 };
  nothing = null;
  missing = undefined;
  tensors = [Tensor.ones([2])];
  #secret = new Linear(1, 1);

  override forward(x: Tensor): Tensor {
    return this.#secret === undefined ? x : this.head.forward(x);
  }
}

describe('the fields of a module are its state', () => {
  it('state dict, parameters and shapes are those of the same module in PyTorch, in the same order', () => {
    const block = new Block();
    const state = [...block.stateDict()].map(([name, tensor]) => [name, [...tensor.shape]]);
    expect(state).toEqual(Object.entries(tree.state));
    expect(block.namedParameters().map(([name]) => name)).toEqual(tree.parameters);
    expect(block.parameters().length).toBe(tree.parameters.length);
  });

  it('modules are found in fields and arrays, parents before children; an array is no module', () => {
    const names = new Block().namedModules().map(([name]) => name);
    expect(names).toEqual(tree.modules.filter((name) => name !== 'blocks'));
    expect(new Block().namedChildren().map(([name]) => name)).toEqual([
      'conv1',
      'bn1',
      'blocks.0',
      'blocks.1',
      'head',
    ]);
  });

  it('buffers are told from parameters, and those that are not persistent stay out of the state dict', () => {
    class Positions extends Module {
      weight = Tensor.ones([2]);
      table = buffer(Tensor.zeros([3]));
      scratch = buffer(Tensor.zeros([4]), { persistent: false });
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const module = new Positions();
    expect(module.namedParameters().map(([name]) => name)).toEqual(['weight']);
    expect(module.namedBuffers().map(([name]) => name)).toEqual(['table', 'scratch']);
    expect([...module.stateDict().keys()]).toEqual(['weight', 'table']);
  });

  it('arrays in arrays and empty arrays work, and a field may be replaced at any time', () => {
    class Nested extends Module {
      stages: Module[][] = [[new Linear(1, 2)], [], [new Identity(), new Linear(2, 3)]];
      head: Module = new Linear(3, 4);
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const module = new Nested();
    const weights = () => [...module.stateDict().keys()].filter((name) => name.endsWith('weight'));
    expect(weights()).toEqual(['stages.0.0.weight', 'stages.2.1.weight', 'head.weight']);
    module.head = new Identity();
    module.stages[1]!.push(new Linear(1, 1));
    expect(weights()).toEqual(['stages.0.0.weight', 'stages.1.0.weight', 'stages.2.1.weight']);
  });

  it('a shared tensor is one parameter with two names in the state dict; a shared module likewise', () => {
    class Tied extends Module {
      encoder = new Linear(3, 3, { bias: false });
      decoder = new Linear(3, 3, { bias: false });
      again: Linear;
      constructor() {
        super();
        this.decoder.weight = this.encoder.weight;
        this.again = this.encoder;
      }
      override forward(x: Tensor): Tensor {
        return this.decoder.forward(this.encoder.forward(x));
      }
    }
    const tied = new Tied();
    expect(tied.namedParameters().map(([name]) => name)).toEqual(['encoder.weight']);
    expect([...tied.stateDict().keys()]).toEqual(['encoder.weight', 'decoder.weight', 'again.weight']);
    expect(tied.namedModules().map(([name]) => name)).toEqual(['', 'encoder', 'decoder']);
    tied.to('cpu');
    expect(tied.decoder.weight).toBe(tied.encoder.weight);
  });

  it('a module that contains itself is an error that tells the way out, and private fields are that way', () => {
    class Child extends Module {
      parent: AnyModule | undefined;
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    class Parent extends Module {
      child = new Child();
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const parent = new Parent();
    parent.child.parent = parent;
    expect(() => parent.stateDict()).toThrow(ArgumentError);
    expect(() => parent.stateDict()).toThrow('child.parent holds a Parent that contains it');
    parent.child.parent = undefined;
    expect(parent.namedModules().length).toBe(2);
  });
});

describe('modes, devices and walks', () => {
  it('train and eval reach every module, also in arrays; new modules are in training mode', () => {
    const block = new Block();
    expect(block.modules().every((module) => module.training)).toBe(true);
    block.eval();
    expect(block.modules().some((module) => module.training)).toBe(false);
    block.head.train();
    expect(block.blocks.map((module) => module.training)).toEqual([false, false]);
    expect(block.head.at(1).training).toBe(true);
  });

  it('apply calls children before parents', () => {
    const order: string[] = [];
    new Sequential(new Sequential(new ReLU()), new Identity()).apply((module) => {
      order.push(module.constructor.name);
    });
    expect(order).toEqual(['ReLU', 'Sequential', 'Identity', 'Sequential']);
  });

  it('to keeps buffers buffers, and tensors that are there already', () => {
    const norm = new BatchNorm2d(2);
    const { weight } = norm;
    norm.to('cpu').to('cpu');
    expect(norm.weight).toBe(weight);
    expect(() => norm.to('tpu' as never)).toThrow(DeviceError);
    expect(norm.namedBuffers().length).toBe(3);
    expect(norm.namedParameters().length).toBe(2);
  });

  it('dispose frees the memory of all parameters and buffers', async () => {
    // Settled: modules of the tests before are not collected in between.
    const before = (await settledMemory()).tensors;
    const block = new Block();
    // Parameters exist from their first use on.
    const unused = memory().tensors - before;
    for (const tensor of block.stateDict().values()) expect(tensor.strides).toHaveLength(tensor.rank);
    const held = memory().tensors - before;
    expect(held - unused).toBeGreaterThanOrEqual(6);
    block.dispose();
    block.dispose();
    await synchronize();
    // The array of tensors is not its state; nor is the private module, which nothing used.
    expect(memory().tensors - before).toBe(1);
    expect(block.conv1.weight.disposed).toBe(true);
    expect(() => block.conv1.forward(Tensor.zeros([1, 3, 4, 4]))).toThrow('dispose');
  });

  it('scope returns a module with its tensors alive and frees the rest', async () => {
    const model = scope(() => {
      const spare = Tensor.ones([3]);
      expect(spare.disposed).toBe(false);
      return new Sequential(new Linear(2, 2), new BatchNorm2d(3));
    });
    expect(model.stateDict().size).toBe(7);
    expect([...model.stateDict().values()].every((tensor) => !tensor.disposed)).toBe(true);
  });
});

describe('printed trees', () => {
  it('are those of PyTorch, in the names and brackets of JavaScript', () => {
    const expected = tree.repr
      .replace(/in_features=(\d+), out_features=(\d+)/g, '$1, $2')
      .replace(/=\(([^)]*)\)/g, '=[$1]')
      .replace(/([a-z])_([a-z])/g, (_, before: string, after: string) => before + after.toUpperCase())
      .replaceAll('True', 'true')
      .replaceAll('False', 'false')
      .replaceAll('1e-05', '1e-5');
    expect(new Block().toString()).toBe(expected);
  });

  it('show what a module adds itself', () => {
    class Scale extends Module {
      inner = new ReLU();
      override extraRepr(): string {
        return 'by=2';
      }
      override forward(x: Tensor): Tensor {
        return this.inner.forward(x).mul(2);
      }
    }
    expect(new Scale().toString()).toBe('Scale(\n  by=2\n  (inner): ReLU()\n)');
    expect(`${new Dropout(0.25)}`).toBe('Dropout(probability=0.25)');
  });
});

describe('containers', () => {
  it('lets go of what its layers hand to each other, and of nothing else', async () => {
    class Doubled extends Module {
      readonly seen: Tensor[] = [];
      override forward(x: Tensor): Tensor {
        this.seen.push(keep(x.mul(1)));
        return x.mul(2);
      }
    }
    const [first, second] = [new Doubled(), new Doubled()];
    const chain = new Sequential(new Identity(), first, new Sequential(second, new ReLU()), new Identity());
    const x = Tensor.from([1, -2, 3]);
    await synchronize();
    const before = memory().tensors;
    const y = chain.forward(x);
    await synchronize();
    expect(memory().tensors).toBe(before + 3);
    expect(await numbers(y)).toEqual([4, 0, 12]);
    expect(await numbers(first.seen[0]!)).toEqual([1, -2, 3]);
    expect(await numbers(second.seen[0]!)).toEqual([2, -4, 6]);
    expect(new Sequential(new Identity()).forward(x)).toBe(x);
    expect(new Sequential().forward(x)).toBe(x);
    expect(x.disposed).toBe(false);
  });

  it('Sequential runs in order, counts, is iterated, and takes names', async () => {
    const model = new Sequential({ double: new Scale(2), triple: new Scale(3), shift: new Identity() });
    expect([...model.stateDict().keys()]).toEqual(['double.factor', 'triple.factor']);
    expect(model.length).toBe(3);
    expect([...model].length).toBe(3);
    expect(await numbers(model.forward(Tensor.from([1, 2])))).toEqual([6, 12]);
    model.layers.shift = new Scale(10);
    expect(await numbers(model.forward(Tensor.from([1, 2])))).toEqual([60, 120]);
    expect(() => model.at(3)).toThrow(ArgumentError);
    expect(() => new Sequential({ a: new ReLU(), 0: new ReLU() })).toThrow('all numbers or none');
    expect(await numbers(new Sequential().forward(Tensor.from([5])))).toEqual([5]);
  });

  it('ModuleList and ModuleDict are state, change like arrays and maps, and cannot be called', () => {
    const list = new ModuleList([new Linear(1, 1, { bias: false })]);
    list.push(new Linear(2, 2, { bias: false }));
    expect([...list.stateDict().keys()]).toEqual(['0.weight', '1.weight']);
    expect(list.length).toBe(2);
    expect([...list].map((item) => item.inputFeatures)).toEqual([1, 2]);
    expect(() => list.forward()).toThrow('a list has no forward');
    const dict = new ModuleDict({ left: new Linear(1, 1, { bias: false }) });
    dict.items.set('right', new Linear(2, 2, { bias: false }));
    expect([...dict.stateDict().keys()]).toEqual(['left.weight', 'right.weight']);
    expect(() => dict.get('middle')).toThrow('no module middle, there are left, right');
    expect(() => dict.forward()).toThrow('a dict has no forward');
  });

  it('Residual adds the shortcut and then applies the activation', async () => {
    const x = Tensor.from([-3, 1]);
    expect(await numbers(new Residual(new Scale(2)).forward(x))).toEqual([-9, 3]);
    const gated = new Residual(new Scale(2), { shortcut: new Scale(-1), activation: 'relu' });
    expect(await numbers(gated.forward(x))).toEqual([0, 1]);
    expect([...gated.stateDict().keys()]).toEqual(['body.factor', 'shortcut.factor']);
    expect(() => new Residual(new Flatten(0)).forward(Tensor.zeros([2, 3]))).toThrow('residualAdd');
  });

  it('what is no module is refused by name', () => {
    expect(() => new Sequential(new ReLU(), 3 as never)).toThrow(
      'Sequential: 1 must be a Module, got number',
    );
    expect(() => new ModuleList([null as never])).toThrow('ModuleList: 0 must be a Module, got null');
    expect(() => new Residual(undefined as never)).toThrow('Residual: body must be a Module, got undefined');
  });
});

class Scale extends Module {
  factor: Tensor;
  constructor(factor: number) {
    super();
    this.factor = Tensor.from([factor]);
  }
  override forward(x: Tensor): Tensor {
    return ops.mul(x, this.factor);
  }
}

describe('training mode', () => {
  it('dropout keeps the share it should, scales what it keeps, and follows the seed', async () => {
    const { manualSeed } = await import('@fusor/native');
    const layer = new Dropout(0.25);
    const x = Tensor.ones([100, 1000]);
    manualSeed(7);
    const first = await numbers(layer.forward(x));
    manualSeed(7);
    expect(await numbers(layer.forward(x))).toEqual(first);
    expect(new Set(first)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    const kept = first.filter((value) => value !== 0).length / first.length;
    // Standard deviation of the share: sqrt(0.25 * 0.75 / 1e5) = 0.0014.
    expect(Math.abs(kept - 0.75)).toBeLessThan(0.007);
    expect(layer.eval().forward(x)).toBe(x);
    expect(await numbers(new Dropout(1).forward(Tensor.ones([3])))).toEqual([0, 0, 0]);
  });

  it('Dropout2d drops whole channels', async () => {
    const { Dropout2d } = await import('@fusor/layers');
    const data = await numbers(new Dropout2d(0.5).forward(Tensor.ones([8, 16, 2, 3])));
    const channels = Array.from(
      { length: 128 },
      (_, channel) => new Set(data.slice(channel * 6, channel * 6 + 6)),
    );
    expect(channels.every((values) => values.size === 1)).toBe(true);
    const dropped = channels.filter((values) => values.has(0)).length;
    expect(dropped).toBeGreaterThan(30);
    expect(dropped).toBeLessThan(98);
  });

  it('batch-norm after training steps gives in inference what its running statistics say', async () => {
    const norm = new BatchNorm2d(2);
    const x = Tensor.from([1, 2, 3, 4, 10, 20, 30, 40], [1, 2, 2, 2]);
    for (let step = 0; step < 3; step++) norm.forward(x);
    expect(await numbers(norm.num_batches_tracked!)).toEqual([3]);
    const [mean, variance] = [await numbers(norm.running_mean!), await numbers(norm.running_var!)];
    const output = norm.eval().forward(x);
    const source = await numbers(x);
    const expected = source.map((value, index) => {
      const channel = index < 4 ? 0 : 1;
      return (value - mean[channel]!) / Math.sqrt(variance[channel]! + 1e-5);
    });
    await expectTensorsClose(output, Tensor.from(expected, [1, 2, 2, 2]));
  });
});

describe('layers refuse what they cannot be', () => {
  it.each([
    [() => new Conv2d(0, 1, 3), 'Conv2d: inputChannels must be an integer of at least 1, got 0'],
    [() => new Conv2d(3, 4, 3, { groups: 2 }), 'must be divisible by groups (2)'],
    [() => new Conv2d(3, 4, 3, { stride: 2, padding: 'same' }), "padding 'same' needs stride 1"],
    [() => new Conv2d(3, 4, [3, 3, 3] as never), 'kernelSize must be a number or [height, width]'],
    [() => new Conv2d(3, 4, Number.NaN), 'kernelSize must be an integer of at least 1, got NaN'],
    [
      () => new Conv2d(3, 4, 3, { paddingMode: 'circular' as never }),
      "paddingMode must be 'zeros', 'reflect'",
    ],
    [() => new Linear(2, -1), 'Linear: outputFeatures must be an integer'],
    [() => new BatchNorm2d(2, { eps: Number.NaN }), 'BatchNorm2d: eps must be'],
    [() => new Dropout(1.5), 'Dropout: probability must be a number from 0 to 1, got 1.5'],
  ])('%s', (make, message) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  });

  it('inputs of another rank or size name the layer', () => {
    expect(() => new BatchNorm2d(2).forward(Tensor.zeros([1, 2, 3]))).toThrow(
      'BatchNorm2d: expected an input [n, c, h, w], got [1, 2, 3]',
    );
    expect(() => new Conv2d(3, 4, 3).forward(Tensor.zeros([1, 4, 8, 8]))).toThrow('conv2d');
  });
});
