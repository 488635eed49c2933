import type { GraphJSON } from '@fusor/layers';
import type { Device, DeviceOption } from '@fusor/native';
import type { Input } from '../cases/define.ts';

export interface Spec extends Input {
  readonly seed: number;
}
/** A device test as data. */
export interface Case {
  readonly name: string;
  readonly graph: GraphJSON;
  /** Of the graph's inputs, in order. */
  readonly inputs: readonly Spec[];
  /** See Definition. */
  readonly roundings?: number;
  /** Of its constants, by name. */
  readonly constants: Readonly<Record<string, Spec>>;
  /** What the CPU gives in f32, in base64. */
  readonly outputs: readonly {
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly data: string;
  }[];
}
export interface Mode {
  readonly dtype: 'f32' | 'f16' | 'bf16';
  readonly eager: boolean;
  readonly title: string;
}
export const MODES: readonly Mode[];
export function runCase(test: Case, mode: Mode, device: Device | DeviceOption): Promise<void>;
