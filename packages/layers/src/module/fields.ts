import { ArgumentError } from '@fusor/errors';
import { Tensor } from '@fusor/native';
import { bufferOptions } from './buffer.ts';
import { isModule } from './kind.ts';
import type { AnyModule } from './module.ts';
import { isReleased, releasedError } from './released.ts';

/** A module found in a field, under its name there (`conv1`, or `blocks.0` in an array). */
export interface ChildField {
  readonly name: string;
  readonly module: AnyModule;
}

/** A tensor found in a field. */
export interface TensorField {
  readonly name: string;
  readonly tensor: Tensor;
  readonly kind: 'parameter' | 'buffer';
  /** Whether it belongs in the state dict: all parameters and most buffers do. */
  readonly persistent: boolean;
  /** Puts another tensor in the same field, of the same kind. */
  readonly replace: (tensor: Tensor) => void;
}

/** A tensor of a whole tree of modules, under its full name (`layer1.0.conv1.weight`). */
export interface NamedTensorField extends TensorField {
  readonly owner: AnyModule;
}

/** The tensors that a module holds itself, in the order of its fields: parameters first, then buffers. */
export function tensorFields(module: AnyModule): TensorField[] {
  const parameters: TensorField[] = [];
  const buffers: TensorField[] = [];
  for (const [name, value] of module.stateFields()) {
    if (!(value instanceof Tensor)) continue;
    const marked = bufferOptions(value);
    const field: TensorField = {
      name,
      tensor: value,
      kind: marked === undefined ? 'parameter' : 'buffer',
      persistent: marked?.persistent ?? true,
      replace: (tensor) => {
        (module as unknown as Record<string, Tensor>)[name] = tensor;
      },
    };
    (marked === undefined ? parameters : buffers).push(field);
  }
  return [...parameters, ...buffers];
}

/** The modules that a module holds itself, in the order of its fields. Arrays count as lists of modules. */
export function childFields(module: AnyModule): ChildField[] {
  const children: ChildField[] = [];
  for (const [name, value] of module.stateFields()) collect(name, value, children);
  return children;
}

function collect(name: string, value: unknown, children: ChildField[]): void {
  if (isModule(value)) {
    children.push({ name, module: value });
  } else if (Array.isArray(value)) {
    value.forEach((element, index) => {
      collect(`${name}.${index}`, element, children);
    });
  }
}

/** A module of a tree with its full name; '' for the root. */
export type NamedModule = [name: string, module: AnyModule];

/**
 * A module and all modules in it, parents before children. A module that is used in two places comes once for each,
 * as it does in a state dict.
 * @throws {ArgumentError} when a module contains itself
 */
export function walkModules(root: AnyModule): NamedModule[] {
  const found: NamedModule[] = [];
  const above = new Set<AnyModule>();
  const visit = (name: string, module: AnyModule): void => {
    if (above.has(module)) {
      throw new ArgumentError(
        `${root.constructor.name}: the field ${name} holds a ${module.constructor.name} that contains it; keep ` +
          'such references out of the fields, for instance in a #private one',
      );
    }
    found.push([name, module]);
    above.add(module);
    for (const child of childFields(module)) visit(joinNames(name, child.name), child.module);
    above.delete(module);
  };
  visit('', root);
  return found;
}

/**
 * Every tensor of a tree under every name it has there; tied weights come several times.
 * @throws {DisposedError} when compile moved the tensors into a plan
 */
export function walkTensors(root: AnyModule): NamedTensorField[] {
  return walkModules(root).flatMap(([path, owner]) => {
    if (isReleased(owner)) throw releasedError(owner);
    return tensorFields(owner).map((field) => ({ ...field, name: joinNames(path, field.name), owner }));
  });
}

/** `layer1` and `0` make `layer1.0`; the root has the empty name. */
export function joinNames(parent: string, child: string): string {
  if (parent === '') return child;
  return child === '' ? parent : `${parent}.${child}`;
}
