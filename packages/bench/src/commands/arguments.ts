import { InvalidArgumentError } from 'commander';

/** Parsers of option values: what they refuse is one clear line and exit status 2. */

export function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 65_536) {
    throw new InvalidArgumentError('It must be a whole number from 1 to 65536.');
  }
  return value;
}

export function counts(text: string): number[] {
  return text.split(',').map((item) => count(item.trim()));
}

export function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 3600)) {
    throw new InvalidArgumentError('It must be a number of seconds from 0 to 3600.');
  }
  return value;
}

export function words(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.some((item) => item === ''))
    throw new InvalidArgumentError('It must be names separated by commas.');
  return items;
}
