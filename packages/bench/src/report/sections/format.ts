import type { Spread } from '../../timing/statistics.ts';
import type { Interval } from '../page/view.ts';

export function interval({ median, lowerQuartile, upperQuartile }: Spread): Interval {
  return { median, lower: lowerQuartile, upper: upperQuartile };
}

/** Three significant digits, but never fewer than a whole number has: `0.123`, `12.3`, `1234`. */
export function digits(value: number): string {
  if (value === 0) return '0';
  const size = Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.min(6, Math.max(0, 2 - size)));
}

/** `12.3 (12.1 – 12.9)`: a median and its quartiles. */
export function withSpread(
  { median, lowerQuartile, upperQuartile }: Spread,
  show: (value: number) => string = digits,
): string {
  return `${show(median)} (${show(lowerQuartile)} – ${show(upperQuartile)})`;
}

export function ratioText(value: number): string {
  return `${value.toFixed(2)}×`;
}

export function ratioWithSpread({ median, lowerQuartile, upperQuartile }: Spread): string {
  return `${ratioText(median)} (${lowerQuartile.toFixed(2)} – ${upperQuartile.toFixed(2)})`;
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)}%`;
}

export function counted(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

/** `134 MB`, in powers of ten. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${digits(bytes / 1000 ** power)} ${units[power]}`;
}

/** `2026-11-25 04:51 UTC`. */
export function dateText(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
