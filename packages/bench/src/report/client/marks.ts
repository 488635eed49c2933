import * as Plot from '@observablehq/plot';
import type { Detail, Series } from '../page/view.ts';

/** Fills and strokes by series; the colours are custom properties, so light, dark and print need no redrawing. */
export function colorScale(series: readonly Series[]): Plot.ScaleOptions {
  return {
    type: 'ordinal',
    domain: series.map(({ label }) => label),
    range: series.map(({ color }) => `var(--${color})`),
  };
}

/** The same colours for what cannot go through a scale, such as a hollow dot's inside. */
export function seriesColors(series: readonly Series[]): Map<string, string> {
  return new Map(series.map(({ label, color }) => [label, `var(--${color})`]));
}

/** What a screen reader says of a mark. */
export function say(detail: Detail): string {
  return detail.map(([name, value]) => (name === '' ? value : `${name}: ${value}`)).join(', ');
}

/** The tooltip of whatever is nearest to the pointer. */
export function tooltip<T>(
  marks: readonly T[],
  detail: (mark: T) => Detail,
  position: Plot.TipOptions,
  pointer: (options: Plot.TipOptions) => Plot.TipOptions,
): Plot.Tip {
  // Within so many pixels of a mark its tooltip shows; a type of Plot's leaves this option of its own out.
  const reach = { maxRadius: 60 };
  return Plot.tip(
    marks as T[],
    pointer({
      ...position,
      ...reach,
      title: (mark: T) =>
        detail(mark)
          .map(([name, value]) => (name === '' ? value : `${name}  ${value}`))
          .join('\n'),
      fill: 'var(--tip)',
      stroke: 'var(--tip-line)',
      className: 'tip',
      lineWidth: 26,
      fontSize: 12,
      textPadding: 10,
      pathFilter: 'none',
    }),
  );
}

/** Room for row labels: as much as the longest needs, and never more than two fifths of a narrow page. */
export function labelMargin(labels: readonly string[], width: number): number {
  const longest = Math.max(0, ...labels.map((label) => label.length));
  return Math.round(Math.min(longest * 6.9 + 12, Math.max(104, width * 0.42)));
}

/** Shortens a label that does not fit; its whole text stands in the tooltip and the table. */
export function shorten(label: string, margin: number): string {
  const fits = Math.floor((margin - 10) / 6.9);
  return label.length <= fits ? label : `${label.slice(0, Math.max(1, fits - 1))}…`;
}

/** Milliseconds as a chart writes them. */
export function short(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** Keeps d3 from leaving out labels of a logarithmic axis whose ticks were chosen already. */
export const everyTick: number = Number.POSITIVE_INFINITY;

export const baseStyle = { fontSize: '12px', fontFamily: 'inherit', background: 'transparent' } as const;
