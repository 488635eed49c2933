export interface MachineCodeCount {
  readonly name: string;
  readonly architecture: string;
  readonly count: number;
}

export class SassReader {
  readonly counts: readonly MachineCodeCount[];
  add(line: string): void;
}

export function kernelsWithoutTensorCores(
  table: Readonly<Record<string, { readonly architecture: string; readonly tensorInstructions: number }>>,
  counts: readonly MachineCodeCount[],
): string[];
