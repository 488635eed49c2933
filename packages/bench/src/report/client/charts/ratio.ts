import * as Plot from '@observablehq/plot';
import type { Mark, RatioChart } from '../../page/view.ts';
import {
  baseStyle,
  colorScale,
  everyTick,
  labelMargin,
  say,
  seriesColors,
  shorten,
  tooltip,
} from '../marks.ts';

/**
 * One row per comparison, in the order given: a dot at the median, a line over the middle half of the rounds. Where a
 * thing is compared with several, its rows stand together under one label.
 */
export function ratioChart({ axis, sides, series, marks }: RatioChart, width: number): SVGSVGElement {
  const rows = marks.map((mark, index) => ({
    ...mark,
    key: String(index),
    first: index === 0 || marks[index - 1]!.row !== mark.row,
  }));
  type PlacedMark = (typeof rows)[number];
  const several = rows.some(({ first }) => !first);
  const margin = labelMargin(
    marks.map(({ row }) => row),
    width,
  );
  const low = Math.min(0.85, ...marks.map(({ lower }) => lower)) / 1.05;
  const high = Math.max(1.25, ...marks.map(({ upper }) => upper)) * 1.05;
  const ticks = ratioTicks(low, high, width - margin);
  const rowHeight = several ? 19 : 24;
  const labels = new Map(rows.map(({ key, first, row }) => [key, first ? shorten(row, margin) : '']));
  const color = seriesColors(series);
  return Plot.plot({
    width,
    height: rows.length * rowHeight + 74,
    marginLeft: margin,
    marginRight: 52,
    marginTop: 30,
    marginBottom: 44,
    style: baseStyle,
    className: 'plot',
    x: { type: 'log', domain: [low, high], label: null },
    y: { type: 'band', domain: rows.map(({ key }) => key), label: null, padding: 0.4 },
    color: colorScale(series),
    marks: [
      Plot.gridX(ticks, { stroke: 'var(--grid)', strokeOpacity: 1 }),
      Plot.axisX(ticks, {
        ticks: everyTick,
        tickFormat: (value: number) => `${value}×`,
        label: axis,
        labelAnchor: 'right',
        labelArrow: 'none',
        labelOffset: 36,
        tickSize: 0,
      }),
      Plot.axisY({
        tickFormat: (key: string) => labels.get(key) ?? '',
        tickSize: 0,
        label: null,
        fill: 'var(--ink)',
      }),
      several
        ? Plot.ruleY(
            rows.filter(({ first, key }) => first && key !== '0'),
            { y: 'key', x1: low, x2: high, stroke: 'var(--grid)', dy: -rowHeight / 2 },
          )
        : null,
      sideLabel(`← ${sides[0]}`, 'end'),
      sideLabel(`${sides[1]} →`, 'start'),
      Plot.ruleX([1], { stroke: 'var(--ink)', insetTop: -6 }),
      Plot.link(rows, {
        x1: 1,
        x2: 'median',
        y1: 'key',
        y2: 'key',
        stroke: 'series',
        strokeWidth: 1.5,
        strokeOpacity: 0.4,
      }),
      Plot.link(rows, {
        x1: 'lower',
        x2: 'upper',
        y1: 'key',
        y2: 'key',
        stroke: 'series',
        strokeWidth: 4,
        strokeLinecap: 'round',
      }),
      Plot.dot(rows, {
        x: 'median',
        y: 'key',
        r: 4.5,
        fill: (mark: PlacedMark) => (mark.noisy ? 'var(--paper)' : color.get(mark.series)!),
        stroke: 'series',
        strokeWidth: 1.8,
        ariaLabel: (mark: PlacedMark) => say(mark.detail),
        className: 'mark',
      }),
      Plot.text(rows, {
        x: 'upper',
        y: 'key',
        text: (mark: PlacedMark) => `${mark.median.toFixed(2)}×`,
        textAnchor: 'start',
        dx: 9,
        fill: 'var(--ink)',
        fontVariant: 'tabular-nums',
      }),
      tooltip(rows, ({ detail }: Mark) => detail, { x: 'median', y: 'key' }, Plot.pointerY),
    ],
  }) as SVGSVGElement;
}

function sideLabel(text: string, textAnchor: 'start' | 'end'): Plot.Text {
  return Plot.text([text], {
    x: 1,
    frameAnchor: 'top',
    textAnchor,
    dx: textAnchor === 'start' ? 8 : -8,
    dy: -16,
    fill: 'var(--muted)',
  });
}

/** Round ratios between the ends, as many as fit. */
function ratioTicks(low: number, high: number, width: number): number[] {
  const steps = [
    [0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.5],
    [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.75, 2, 2.5, 3, 3.5, 4],
    [0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10],
    [0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100],
    [0.01, 0.1, 0.3, 1, 3, 10, 30, 100, 1000],
  ];
  const inside = (ticks: readonly number[]) => ticks.filter((tick) => tick >= low && tick <= high);
  const covers = (ticks: readonly number[]) => ticks[0]! <= low * 1.6 && ticks.at(-1)! >= high / 1.6;
  const apart = (ticks: readonly number[]) =>
    ticks.every(
      (tick, index) =>
        index === 0 || (Math.log(tick / ticks[index - 1]!) / Math.log(high / low)) * (width - 52) > 34,
    );
  const fits = steps.filter(covers).map(inside).find(apart);
  return fits ?? [1];
}
