// The allow-list: what `torch.load(weights_only=True)` allows, less sparse, quantized and subclassed tensors. Each
// name maps to a function or a constant of this package; nothing is ever looked up anywhere else.
import { allDTypes, type DTypeTraits } from '../dtypes.ts';
import { quoted, refuse } from '../refuse.ts';
import { rebuildFromType, rebuildParameter, rebuildTensor, rebuildTensorV3 } from './rebuild.ts';
import {
  describe,
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleOpaque,
  PickleTuple,
  type PickleValue,
} from './values.ts';

type Call = NonNullable<PickleGlobal['call']>;

const opaque =
  (kind: string): Call =>
  () =>
    new PickleOpaque(kind);

/** `OrderedDict()`, or as Python 2 pickles it, `OrderedDict([[key, value], ...])`. */
const orderedDict: Call = (args, context) => {
  const dict = new PickleDict(true);
  const pairs = args[0];
  if (pairs === undefined) return dict;
  if (!(pairs instanceof PickleList)) refuse(`pickle: OrderedDict of ${describe(pairs)}`);
  context.charge(pairs.items.length);
  for (const pair of pairs.items) {
    const items = pair instanceof PickleList || pair instanceof PickleTuple ? pair.items : [];
    if (items.length !== 2) refuse(`pickle: OrderedDict with ${describe(pair)} among its pairs`);
    dict.set(items[0]!, items[1]!);
  }
  return dict;
};

/** `torch.Size((2, 3))` is as good as the tuple. */
const torchSize: Call = (args, context) => {
  const sizes = args[0];
  if (sizes instanceof PickleTuple) return sizes;
  if (!(sizes instanceof PickleList)) refuse(`pickle: torch.Size of ${describe(sizes)}`);
  context.charge(sizes.items.length);
  return new PickleTuple([...sizes.items]);
};

const CALLS: readonly (readonly [string, Call])[] = [
  ['torch._utils._rebuild_tensor', rebuildTensor],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_tensor_v3', rebuildTensorV3],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch._utils._rebuild_parameter_with_state', rebuildParameter],
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
  ['torch.Size', torchSize],
  ['torch.device', opaque('torch.device')],
  ['torch.serialization._get_layout', opaque('torch.layout')],
  ['collections.OrderedDict', orderedDict],
  ['collections.Counter', opaque('Counter')],
  ['builtins.set', opaque('set')],
  ['builtins.frozenset', opaque('frozenset')],
  ['builtins.bytearray', opaque('bytearray')],
  ['builtins.complex', opaque('complex')],
  // How protocol 2 writes bytes.
  ['_codecs.encode', opaque('bytes')],
];

const ALLOWED: ReadonlyMap<string, PickleGlobal> = (() => {
  const allowed = new Map<string, PickleGlobal>();
  const add = (name: string, parts?: ConstructorParameters<typeof PickleGlobal>[1]): void => {
    allowed.set(name, new PickleGlobal(name, parts));
  };
  for (const [name, call] of CALLS) add(name, { call });
  // Only named as the class of a tensor, never called.
  add('torch.Tensor');
  add('torch.nn.parameter.Parameter');
  const addStorage = (name: string, storage: DTypeTraits | null): void => {
    // The class of a storage on a GPU differs in old files; the bytes do not.
    add(`torch.${name}`, { storage });
    add(`torch.cuda.${name}`, { storage });
  };
  for (const traits of allDTypes) {
    add(`torch.${traits.torch}`, { dtype: traits });
    if (traits.torchStorage !== undefined) addStorage(traits.torchStorage, traits);
  }
  addStorage('UntypedStorage', null);
  add('torch.storage.UntypedStorage', { storage: null });
  add('torch.storage._UntypedStorage', { storage: null });
  return allowed;
})();

/**
 * The meaning of a global.
 * @throws {WeightsError} naming it when it is not on the allow-list
 */
export function findGlobal(module: string, name: string): PickleGlobal {
  // Protocol 2 writes the names of Python 2; `torch.tensor` was the name of `torch._tensor` up to 1.7.
  const home = module === '__builtin__' ? 'builtins' : module === 'torch.tensor' ? 'torch._tensor' : module;
  const found = ALLOWED.get(`${home}.${name}`);
  if (found !== undefined) return found;
  const wanted = quoted(`${module}.${name}`, 200).slice(1, -1);
  return refuse(
    `the pickle asks for ${wanted}, which is refused: only tensors and plain containers are read${hintFor(module, name)}`,
  );
}

function hintFor(module: string, name: string): string {
  if (/^torch\.(?:nn|ao)\b|^torchvision\.models|^__main__$|^models?\b/.test(module)) {
    return ' (a whole module was saved; save its state_dict() instead)';
  }
  if (/^_rebuild_(?:sparse|qtensor|nested)|^(?:Q\w+|Complex\w+)Storage$/.test(name)) {
    return ' (sparse, quantized and complex tensors are not supported)';
  }
  if (/^numpy\b/.test(module)) return ' (turn NumPy values into tensors or numbers before saving)';
  return '';
}

/** The dtype of a storage class; undefined when the value is none. */
export function storageClass(value: PickleValue | undefined): DTypeTraits | null | undefined {
  return value instanceof PickleGlobal ? value.storage : undefined;
}
