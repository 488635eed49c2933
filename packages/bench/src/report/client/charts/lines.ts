import * as Plot from '@observablehq/plot';
import type { LinesChart } from '../../page/view.ts';
import { baseStyle, colorScale, everyTick, say, seriesColors, tooltip } from '../marks.ts';

/** Narrower than this a panel cannot be read. */
const panelWidth = 190;

/** A panel for each network, in as many columns as fit: lines over a logarithmic axis of whole numbers. */
export function linesChart(chart: LinesChart, width: number): SVGSVGElement {
  const panels = [...new Set(chart.lines.map(({ panel }) => panel))];
  const columns = Math.max(1, Math.min(panels.length, Math.floor(width / panelWidth)));
  const place = new Map(
    panels.map((panel, index) => [panel, { fx: index % columns, fy: Math.floor(index / columns) }]),
  );
  const rows = Math.ceil(panels.length / columns);
  const points = chart.lines.flatMap(({ panel, series, points }) =>
    points.map((point) => ({ ...point, ...place.get(panel)!, series })),
  );
  type LinePoint = (typeof points)[number];
  const titles = panels.map((panel) => ({ panel, ...place.get(panel)! }));
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const [first, last] = [xs[0]!, xs.at(-1)!];
  const ends = [...points.map(({ upper }) => upper), ...(chart.ideal === undefined ? [] : [last])];
  const starts = [...points.map(({ lower }) => lower), 1];
  const [low, high] = [Math.min(...starts), Math.max(...ends)];
  const room = 0.1 * (high - low);
  const color = seriesColors(chart.series);
  const spread = Math.max(1.15, (last / first) ** 0.12);
  return Plot.plot({
    width,
    height: rows * 210 + 66,
    marginLeft: 44,
    marginRight: 16,
    marginTop: 30,
    marginBottom: 44,
    style: baseStyle,
    className: 'plot',
    x: { type: 'log', domain: [first / spread, last * spread], label: null },
    y: { domain: [low - room, high + room], label: null },
    fx: { axis: null, padding: 0.08 },
    fy: { axis: null, padding: 0.22 },
    color: colorScale(chart.series),
    marks: [
      Plot.gridY({ ticks: 5, stroke: 'var(--grid)', strokeOpacity: 1 }),
      Plot.axisY({
        ticks: 5,
        tickSize: 0,
        tickFormat: (value: number) => `${Number(value.toFixed(2))}×`,
        label: null,
      }),
      Plot.axisX(xs, {
        ticks: everyTick,
        tickFormat: (value: number) => String(value),
        label: chart.xAxis,
        labelAnchor: 'right',
        labelArrow: 'none',
        labelOffset: 36,
        tickSize: 0,
      }),
      Plot.text(titles, {
        fx: 'fx',
        fy: 'fy',
        text: 'panel',
        frameAnchor: 'top-left',
        dy: -20,
        fill: 'var(--ink)',
        fontWeight: 600,
      }),
      Plot.ruleY([1], { stroke: 'var(--axis)' }),
      chart.ideal === undefined
        ? null
        : Plot.link([[first, last]], {
            x1: first,
            y1: first,
            x2: last,
            y2: last,
            stroke: 'var(--muted)',
            strokeDasharray: '3 4',
          }),
      Plot.line(points, {
        x: 'x',
        y: 'median',
        fx: 'fx',
        fy: 'fy',
        z: 'series',
        stroke: 'series',
        strokeWidth: 2,
      }),
      Plot.ruleX(points, {
        x: 'x',
        y1: 'lower',
        y2: 'upper',
        fx: 'fx',
        fy: 'fy',
        stroke: 'series',
        strokeWidth: 3,
        strokeOpacity: 0.4,
        strokeLinecap: 'round',
      }),
      Plot.dot(points, {
        x: 'x',
        y: 'median',
        fx: 'fx',
        fy: 'fy',
        r: 4,
        fill: (point: LinePoint) => (point.noisy ? 'var(--paper)' : color.get(point.series)!),
        stroke: 'series',
        strokeWidth: 1.8,
        ariaLabel: (point: LinePoint) => say(point.detail),
        className: 'mark',
      }),
      tooltip(points, ({ detail }) => detail, { x: 'x', y: 'median', fx: 'fx', fy: 'fy' }, Plot.pointer),
    ],
  }) as SVGSVGElement;
}
