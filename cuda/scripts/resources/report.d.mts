export interface KernelResources {
  readonly registers: number;
  readonly spillBytes: number;
  readonly tensorInstructions: number;
}
export function parsePtxas(text: string): readonly {
  readonly name: string;
  readonly architecture: string;
  readonly registers: number;
  readonly spillBytes: number;
  readonly stackBytes: number;
  readonly sharedBytes: number;
}[];
export function countTensorInstructions(ptx: string): Map<string, number>;
export function compareResources(
  committed: Readonly<Record<string, KernelResources>>,
  measured: Readonly<Record<string, KernelResources>>,
): { readonly problems: string[]; readonly notes: string[] };
