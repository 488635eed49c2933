import { isModule } from './kind.ts';
import type { AnyModule } from './module.ts';

/**
 * A tree of modules as text, in the manner of PyTorch's repr:
 *
 * ```text
 * BasicBlock(
 *   (conv1): Conv2d(64, 64, kernelSize=[3, 3], stride=[1, 1], padding=[1, 1], bias=false)
 *   (blocks): ModuleList(
 *     (0): Identity()
 *   )
 * )
 * ```
 */
export function printTree(module: AnyModule): string {
  const extra = module.extraRepr();
  const lines: string[] = [];
  for (const [name, value] of module.stateFields()) {
    const text = printValue(value);
    if (text !== undefined) lines.push(`(${name}): ${text}`);
  }
  return assemble(module.constructor.name, extra, lines);
}

function printValue(value: unknown): string | undefined {
  if (isModule(value)) return printTree(value);
  if (!Array.isArray(value)) return undefined;
  const lines = value.flatMap((element: unknown, index) => {
    const text = printValue(element);
    return text === undefined ? [] : [`(${index}): ${text}`];
  });
  return lines.length === 0 ? undefined : assemble('ModuleList', '', lines);
}

function assemble(name: string, extra: string, children: readonly string[]): string {
  if (children.length === 0) return `${name}(${extra})`;
  const lines = extra === '' ? children : [extra, ...children];
  const body = lines.join('\n').replaceAll('\n', '\n  ');
  return `${name}(\n  ${body}\n)`;
}
