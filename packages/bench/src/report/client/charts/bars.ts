import * as Plot from '@observablehq/plot';
import type { BarsChart, Mark } from '../../page/view.ts';
import { baseStyle, colorScale, labelMargin, say, short, shorten, tooltip } from '../marks.ts';

/** Groups of bars from zero, one bar per series, with a line from the lower to the upper quartile. */
export function barsChart({ axis, series, marks }: BarsChart, width: number): SVGSVGElement {
  const groups = [...new Set(marks.map(({ row }) => row))];
  const margin = labelMargin(groups, width);
  const barHeight = 20;
  const position = { x: 'upper', y: 'series', fy: 'row' } as const;
  return Plot.plot({
    width,
    height: groups.length * (series.length * barHeight + 18) + 52,
    marginLeft: margin,
    marginRight: 56,
    marginTop: 8,
    marginBottom: 44,
    style: baseStyle,
    className: 'plot',
    x: {
      label: axis,
      labelAnchor: 'right',
      labelArrow: 'none',
      labelOffset: 36,
      tickSize: 0,
      grid: true,
      zero: true,
      ticks: width / 120,
      nice: true,
    },
    y: { axis: null, domain: series.map(({ label }) => label), padding: 0.12 },
    fy: { label: null, domain: groups, padding: 0.16, tickFormat: (row: string) => shorten(row, margin) },
    color: colorScale(series),
    marks: [
      Plot.axisFy({
        anchor: 'left',
        label: null,
        tickFormat: (row: string) => shorten(row, margin),
        textAnchor: 'end',
        frameAnchor: 'left',
        dx: -8,
        fill: 'var(--ink)',
      }),
      Plot.barX(marks as Mark[], {
        x: 'median',
        y: 'series',
        fy: 'row',
        fill: 'series',
        fillOpacity: (mark: Mark) => (mark.noisy ? 0.35 : 1),
        stroke: 'series',
        rx2: 2,
        ariaLabel: (mark: Mark) => say(mark.detail),
        className: 'mark',
      }),
      Plot.ruleY(marks as Mark[], {
        x1: 'lower',
        x2: 'upper',
        y: 'series',
        fy: 'row',
        stroke: 'var(--ink)',
        strokeWidth: 1.5,
      }),
      Plot.tickX(marks as Mark[], {
        x: 'lower',
        y: 'series',
        fy: 'row',
        stroke: 'var(--ink)',
        insetTop: 5,
        insetBottom: 5,
      }),
      Plot.tickX(marks as Mark[], {
        x: 'upper',
        y: 'series',
        fy: 'row',
        stroke: 'var(--ink)',
        insetTop: 5,
        insetBottom: 5,
      }),
      Plot.text(marks as Mark[], {
        ...position,
        text: (mark: Mark) => `${short(mark.median)}${mark.noisy ? ' ?' : ''}`,
        textAnchor: 'start',
        dx: 6,
        fill: 'var(--ink)',
        fontVariant: 'tabular-nums',
      }),
      Plot.ruleX([0], { stroke: 'var(--axis)' }),
      tooltip(marks, ({ detail }) => detail, { x: 'median', y: 'series', fy: 'row' }, Plot.pointerY),
    ],
  }) as SVGSVGElement;
}
