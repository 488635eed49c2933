import type { FusorError } from '@fusor/errors';
import type { Prediction } from '../top.ts';

/** What happened to one image. */
export type Outcome =
  | { readonly image: string; readonly predictions: readonly Prediction[] }
  | { readonly image: string; readonly error: FusorError };

/** Turns outcomes into text for standard output, piece by piece as they come. */
export interface Report {
  begin(): string;
  /** `''` where there is nothing to say, as about a failure in plain text, which belongs on standard error. */
  add(outcome: Outcome): string;
  end(): string;
}

/** For people: the name of the image, and under it a line per class, most probable first. */
export function textReport(): Report {
  return {
    begin: () => '',
    add(outcome) {
      if ('error' in outcome) return '';
      const lines = outcome.predictions.map(
        ({ label, probability }) => `${probability.toFixed(4)}  ${label}`,
      );
      return lines.length === 1
        ? `${outcome.image}: ${lines[0]!}\n`
        : `${outcome.image}\n${lines.map((line) => `  ${line}\n`).join('')}`;
    },
    end: () => '',
  };
}

/**
 * For programs: one JSON array with an entry per image, `{ image, predictions: [{ label, index, probability }] }` or
 * `{ image, error: { code, message } }`.
 */
export function jsonReport(): Report {
  let count = 0;
  return {
    begin: () => '[',
    add(outcome) {
      const entry =
        'error' in outcome
          ? { image: outcome.image, error: { code: outcome.error.code, message: outcome.error.message } }
          : outcome;
      return `${count++ === 0 ? '' : ','}\n${JSON.stringify(entry)}`;
    },
    end: () => '\n]\n',
  };
}
