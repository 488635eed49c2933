import { ArgumentError } from '@fusor/errors';
import { type Activation, ops, scope, type Tensor } from '@fusor/native';
import { repr } from '../arguments.ts';
import { isModule } from '../module/kind.ts';
import { type AnyModule, Module } from '../module/module.ts';
import { Identity } from './identity.ts';

/** A module with one tensor in and one out: what containers chain. */
export type Layer = Module<Tensor, [x: Tensor]> | Module;

/**
 * Layers one after another: y = layerₙ(… layer₁(x)).
 *
 * Takes the layers, or one record of named layers: `new Sequential({ conv: …, relu: … })`. State-dict names are `0`,
 * `1`, … or the record's names. Each layer runs in a `scope()`: a tensor that it makes and that is not its result is
 * disposed, unless the layer calls `keep()`, and so is its result once the next layer is done with it.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 */
export class Sequential extends Module {
  /** The layers by name, in order. To replace one: `sequential.layers[3] = new Identity()`. */
  readonly layers: Record<string, Layer>;

  constructor(...layers: readonly Layer[] | readonly [named: Readonly<Record<string, Layer>>]) {
    super();
    const [first] = layers;
    const named =
      layers.length === 1 && !isModule(first)
        ? Object.entries((first ?? {}) as Readonly<Record<string, Layer>>)
        : (layers as readonly Layer[]).map((layer, index) => [`${index}`, layer] as const);
    for (const [name, layer] of named) checkChild('Sequential', name, layer);
    const numbered = named.filter(([name]) => /^\d+$/.test(name)).length;
    if (numbered !== 0 && numbered !== named.length) {
      throw new ArgumentError(
        'Sequential: names must be all numbers or none, as JavaScript moves numbers to the front of a record',
      );
    }
    this.layers = Object.fromEntries(named);
  }

  /** How many layers there are. */
  get length(): number {
    return Object.keys(this.layers).length;
  }

  /**
   * The layer at a place, counted from 0, or from the end where negative.
   * @throws {ArgumentError} when there is none
   */
  at(index: number): Layer {
    const layer = Object.values(this.layers).at(index);
    if (layer === undefined) {
      throw new ArgumentError(`Sequential: no layer at ${index}, there are ${this.length}`);
    }
    return layer;
  }

  override stateFields(): Iterable<readonly [string, unknown]> {
    return Object.entries(this.layers);
  }

  [Symbol.iterator](): Iterator<Layer> {
    return Object.values(this.layers).values();
  }

  override forward(x: Tensor): Tensor {
    return throughFirst(Object.values(this.layers), this.length, x);
  }
}

/** `x` through the first `count` layers, each in a scope: what it was given, unless it is `x`, goes when it is done. */
function throughFirst(layers: readonly Layer[], count: number, x: Tensor): Tensor {
  const last = layers[count - 1];
  return last === undefined ? x : scope(() => last.forward(throughFirst(layers, count - 1, x)));
}

/**
 * A list of modules that counts as state, under the names `0`, `1`, …. A plain array in a field does the same; this
 * one also has a `forward` to explain that a list has none.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
 */
export class ModuleList<Item extends AnyModule = Layer> extends Module<never, never[]> {
  /** The modules. Change it like any array. */
  readonly items: Item[];

  constructor(items: Iterable<Item> = []) {
    super();
    this.items = [...items];
    this.items.forEach((item, index) => {
      checkChild('ModuleList', `${index}`, item);
    });
  }

  get length(): number {
    return this.items.length;
  }

  /** The module at a place, counted from the end where negative; undefined where there is none. */
  at(index: number): Item | undefined {
    return this.items.at(index);
  }

  /** Adds modules to the end. */
  push(...items: Item[]): number {
    items.forEach((item, index) => {
      checkChild('ModuleList', `${this.items.length + index}`, item);
    });
    return this.items.push(...items);
  }

  [Symbol.iterator](): ArrayIterator<Item> {
    return this.items[Symbol.iterator]();
  }

  override stateFields(): Iterable<readonly [string, unknown]> {
    return this.items.map((item, index) => [`${index}`, item] as const);
  }

  /** @throws {ArgumentError} always: which of the modules to call is up to the module that owns the list */
  override forward(): never {
    throw new ArgumentError('ModuleList: a list has no forward; call its items');
  }
}

/**
 * Modules by name that count as state.
 * https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html
 */
export class ModuleDict<Item extends AnyModule = Layer> extends Module<never, never[]> {
  /** The modules. Change it like any Map. */
  readonly items: Map<string, Item>;

  constructor(items: Readonly<Record<string, Item>> | Iterable<readonly [string, Item]> = []) {
    super();
    this.items = new Map(Symbol.iterator in items ? items : Object.entries(items));
    for (const [name, item] of this.items) checkChild('ModuleDict', name, item);
  }

  /** @throws {ArgumentError} when there is no module of that name */
  get(name: string): Item {
    const item = this.items.get(name);
    if (item === undefined) {
      throw new ArgumentError(
        `ModuleDict: no module ${name}, there are ${[...this.items.keys()].join(', ')}`,
      );
    }
    return item;
  }

  override stateFields(): Iterable<readonly [string, unknown]> {
    return this.items.entries();
  }

  /** @throws {ArgumentError} always: which of the modules to call is up to the module that owns them */
  override forward(): never {
    throw new ArgumentError('ModuleDict: a dict has no forward; call one of its modules');
  }
}

/** What stands beside the body of a {@link Residual}. */
export interface ResidualOptions {
  /** The other way around the body; default the identity. */
  readonly shortcut?: Layer;
  /** Applied to the sum; none by default. */
  readonly activation?: Activation;
}

/**
 * A body with a way around it: y = activation(body(x) + shortcut(x)). Both must give one shape; nothing is broadcast.
 *
 * He et al., Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385
 */
export class Residual extends Module {
  body: Layer;
  shortcut: Layer;
  readonly #activation: Activation | undefined;

  constructor(body: Layer, options: ResidualOptions = {}) {
    super();
    this.body = checkChild('Residual', 'body', body);
    this.shortcut = checkChild('Residual', 'shortcut', options.shortcut ?? new Identity());
    this.#activation = options.activation;
  }

  override extraRepr(): string {
    return this.#activation === undefined ? '' : repr([], { activation: this.#activation });
  }

  override forward(x: Tensor): Tensor {
    const body = this.body.forward(x);
    const shortcut = this.shortcut.forward(x);
    return ops.residualAdd(body, shortcut, { activation: this.#activation });
  }
}

function checkChild<T>(container: string, name: string, child: T): T {
  if (!isModule(child)) {
    const got = child === null ? 'null' : typeof child;
    throw new ArgumentError(`${container}: ${name} must be a Module, got ${got}`);
  }
  return child;
}
