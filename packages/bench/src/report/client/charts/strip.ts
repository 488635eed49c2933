import * as Plot from '@observablehq/plot';
import type { Detail, StripChart } from '../../page/view.ts';
import { baseStyle, colorScale, say, short, tooltip } from '../marks.ts';

interface Placed {
  readonly strip: string;
  readonly series: string;
  readonly begin: number;
  readonly end: number;
  readonly detail: Detail;
}

/** Every network a bar as long as its time, cut into its layers from left to right, coloured by algorithm. */
export function stripChart({ axis, series, strips }: StripChart, width: number): SVGSVGElement {
  const placed = strips.flatMap(({ label, segments }) => {
    let end = 0;
    return segments.map(({ series, milliseconds, detail }): Placed => {
      const begin = end;
      end += milliseconds;
      return { strip: label, series, begin, end, detail };
    });
  });
  const totals = strips.map(({ label, segments }) => ({
    strip: label,
    total: segments.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
  }));
  const rowHeight = 64;
  return Plot.plot({
    width,
    height: strips.length * rowHeight + 50,
    marginLeft: 4,
    marginRight: 62,
    marginTop: 6,
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
      ticks: width / 110,
      domain: [0, Math.max(0, ...totals.map(({ total }) => total))],
    },
    y: { axis: null, domain: strips.map(({ label }) => label), padding: 0 },
    color: colorScale(series),
    marks: [
      Plot.text(totals, {
        x: 0,
        y: 'strip',
        text: 'strip',
        textAnchor: 'start',
        dy: -20,
        fontWeight: 600,
        fill: 'var(--ink)',
      }),
      Plot.barX(placed, {
        x1: 'begin',
        x2: 'end',
        y: 'strip',
        fill: 'series',
        stroke: 'var(--paper)',
        strokeWidth: (segment: Placed) =>
          (segment.end - segment.begin) * width > 3 * Math.max(...totals.map(({ total }) => total)) ? 1 : 0.3,
        insetTop: 24,
        insetBottom: 6,
        ariaLabel: (segment: Placed) => say(segment.detail),
        className: 'mark',
      }),
      Plot.text(totals, {
        x: 'total',
        y: 'strip',
        text: ({ total }: { total: number }) => `${short(total)} ms`,
        textAnchor: 'start',
        dx: 6,
        dy: 9,
        fill: 'var(--ink)',
        fontVariant: 'tabular-nums',
      }),
      tooltip(placed, ({ detail }) => detail, { x1: 'begin', x2: 'end', y: 'strip' }, Plot.pointer),
    ],
  }) as SVGSVGElement;
}
