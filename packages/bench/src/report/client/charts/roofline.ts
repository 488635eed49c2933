import * as Plot from '@observablehq/plot';
import type { RooflineChart, RooflineDot } from '../../page/view.ts';
import { baseStyle, colorScale, everyTick, say, tooltip } from '../marks.ts';

/**
 * The roofline of Williams, Waterman and Patterson (2009): a layer can do at most min(peak, bandwidth · intensity).
 * Where several bandwidths are known, each is a slope of its own that ends at the highest peak.
 */
export function rooflineChart(chart: RooflineChart, width: number): SVGSVGElement {
  const { peaks, bandwidths, dots } = chart;
  const peak = Math.max(...peaks.map(({ gflops }) => gflops));
  const intensities = dots.map(({ intensity }) => intensity);
  const left = Math.min(0.5, ...intensities) / 1.5;
  const right = Math.max(100, ...intensities) * 1.8;
  const low = Math.min(...dots.map(({ gflops }) => gflops), peak / 20) / 1.6;
  const high = Math.max(...dots.map(({ gflops }) => gflops), peak) * 1.7;
  const slopes = bandwidths.map(({ label, gigabytesPerSecond }) => {
    const begin = Math.max(left, low / gigabytesPerSecond);
    const knee = Math.min(right, peak / gigabytesPerSecond);
    return {
      label: `${label} ${format(gigabytesPerSecond)} GB/s`,
      x1: begin,
      y1: begin * gigabytesPerSecond,
      x2: knee,
      y2: knee * gigabytesPerSecond,
    };
  });
  const height = Math.round(Math.min(560, Math.max(360, width * 0.62)));
  const margins = { left: 52, right: 16, top: 20, bottom: 44 };
  const pixels = (x: number, y: number) => [
    (Math.log(x / left) / Math.log(right / left)) * (width - margins.left - margins.right),
    (Math.log(y / low) / Math.log(high / low)) * (height - margins.top - margins.bottom),
  ];
  const [across, up] = pixels(left * Math.E, low * Math.E) as [number, number];
  const angle = Math.atan2(up, across);
  // Along the slope, and a little above it.
  const labelShift = {
    dx: 10 * Math.cos(angle) - 4 * Math.sin(angle),
    dy: -10 * Math.sin(angle) - 4 * Math.cos(angle),
  };
  // Where two slopes lie close together the label of the second begins where that of the first ends.
  const labelStep = Math.exp(
    ((118 * Math.cos(angle)) / (width - margins.left - margins.right)) * Math.log(right / left),
  );
  const labels = slopes.map((slope, index) => {
    let shifts = 0;
    for (let other = index - 1; other >= 0; --other) {
      if (
        Math.abs(Math.log(bandwidths[other]!.gigabytesPerSecond / bandwidths[index]!.gigabytesPerSecond)) <
        0.35
      )
        ++shifts;
    }
    const factor = labelStep ** shifts;
    return { label: slope.label, x: slope.x1 * factor, y: slope.y1 * factor };
  });
  const [xTicks, yTicks] = [logTicks(left, right), logTicks(low, high)];
  const flatFrom = Math.min(...slopes.map(({ x2 }) => x2), right);
  // To the right of all slopes, whose labels end before.
  const lastKnee = Math.max(...slopes.map(({ x2 }) => x2), left);
  return Plot.plot({
    width,
    height,
    marginLeft: margins.left,
    marginRight: margins.right,
    marginTop: margins.top,
    marginBottom: margins.bottom,
    style: baseStyle,
    className: 'plot',
    x: { type: 'log', domain: [left, right], label: null },
    y: { type: 'log', domain: [low, high], label: null },
    color: colorScale(chart.series),
    marks: [
      Plot.gridX(xTicks, { stroke: 'var(--grid)', strokeOpacity: 1 }),
      Plot.gridY(yTicks, { stroke: 'var(--grid)', strokeOpacity: 1 }),
      Plot.axisX(xTicks, {
        ticks: everyTick,
        tickFormat: format,
        tickSize: 0,
        label: 'FLOP per byte',
        labelAnchor: 'right',
        labelArrow: 'none',
        labelOffset: 36,
      }),
      Plot.axisY(yTicks, {
        ticks: everyTick,
        tickFormat: format,
        tickSize: 0,
        label: 'GFLOP/s',
        labelArrow: 'none',
      }),
      Plot.link(slopes, { x1: 'x1', y1: 'y1', x2: 'x2', y2: 'y2', stroke: 'var(--roof)', strokeWidth: 1.6 }),
      Plot.ruleY([...peaks], {
        y: 'gflops',
        x1: flatFrom,
        x2: right,
        stroke: 'var(--roof)',
        strokeWidth: 1.6,
      }),
      Plot.text(labels, {
        x: 'x',
        y: 'y',
        text: 'label',
        rotate: (-angle * 180) / Math.PI,
        textAnchor: 'start',
        lineAnchor: 'bottom',
        ...labelShift,
        fill: 'var(--muted)',
        fontSize: 11,
      }),
      Plot.text([...peaks], {
        x: lastKnee,
        y: 'gflops',
        text: ({ label, gflops }: { label: string; gflops: number }) => `${label} ${format(gflops)} GFLOP/s`,
        textAnchor: 'start',
        dy: -9,
        fill: 'var(--muted)',
        fontSize: 11,
      }),
      Plot.dot(dots as RooflineDot[], {
        x: 'intensity',
        y: 'gflops',
        r: 4.5,
        fill: 'series',
        fillOpacity: 0.8,
        stroke: 'var(--paper)',
        strokeWidth: 1,
        ariaLabel: (dot: RooflineDot) => say(dot.detail),
        className: 'mark',
      }),
      tooltip(dots, ({ detail }) => detail, { x: 'intensity', y: 'gflops' }, Plot.pointer),
    ],
  }) as SVGSVGElement;
}

/** 1, 2, 5 of each power of ten; only the powers where that is more than a chart needs. */
function logTicks(low: number, high: number): number[] {
  const powers = Array.from({ length: 12 }, (_, index) => 10 ** (index - 3));
  const steps = high / low > 2000 ? [1] : [1, 2, 5];
  return powers
    .flatMap((power) => steps.map((step) => step * power))
    .filter((tick) => tick >= low && tick <= high);
}

function format(value: number): string {
  if (value >= 1000) return `${Number((value / 1000).toPrecision(2))}k`;
  return String(Number(value.toPrecision(value < 1 ? 1 : 3)));
}
