// What a report shows, as plain data: written by the sections, drawn by the page's script, printed as Markdown. Nothing
// here may import from Node.js, because the page's script shares it.

/** The middle of several measurements and the half of them around it. */
export interface Interval {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

/** A name in a legend. `color` is a custom property of page.css without its dashes, such as `engine-fusor`. */
export interface Series {
  readonly label: string;
  readonly color: string;
}

/** One thing to point at: what a tooltip says of it, as pairs of a name and a value. */
export type Detail = readonly (readonly [name: string, value: string])[];

/** A bar or dot with its spread. */
export interface Mark extends Interval {
  /** Label of its row; in a chart of bars, of its group. */
  readonly row: string;
  /** Label of its series. */
  readonly series: string;
  /** Too uncertain to build on; drawn hollow. */
  readonly noisy: boolean;
  readonly detail: Detail;
}

/** Bars from zero, in groups: milliseconds of every engine on every network. */
export interface BarsChart {
  readonly kind: 'bars';
  readonly axis: string;
  readonly series: readonly Series[];
  readonly marks: readonly Mark[];
}

/** Dots with their spread on a logarithmic axis around 1: how many times as fast as another. */
export interface RatioChart {
  readonly kind: 'ratio';
  readonly axis: string;
  /** What lies left and right of 1. */
  readonly sides: readonly [below: string, above: string];
  readonly series: readonly Series[];
  readonly marks: readonly Mark[];
}

export interface RooflineDot {
  readonly name: string;
  readonly series: string;
  /** FLOP per byte that must move. */
  readonly intensity: number;
  readonly gflops: number;
  readonly detail: Detail;
}

/** Arithmetic intensity against GFLOP/s, both logarithmic, under the machine's measured ceilings. */
export interface RooflineChart {
  readonly kind: 'roofline';
  readonly peaks: readonly { readonly label: string; readonly gflops: number }[];
  readonly bandwidths: readonly { readonly label: string; readonly gigabytesPerSecond: number }[];
  readonly series: readonly Series[];
  readonly dots: readonly RooflineDot[];
}

export interface Segment {
  readonly name: string;
  readonly series: string;
  readonly milliseconds: number;
  readonly detail: Detail;
}

/** One bar per network, made of its layers in the order in which they run. */
export interface StripChart {
  readonly kind: 'strip';
  readonly axis: string;
  readonly series: readonly Series[];
  readonly strips: readonly { readonly label: string; readonly segments: readonly Segment[] }[];
}

export interface Point extends Interval {
  readonly x: number;
  readonly noisy: boolean;
  readonly detail: Detail;
}

/** Lines over a logarithmic axis of whole numbers, threads or images per run, relative to each line's first point. */
export interface LinesChart {
  readonly kind: 'lines';
  readonly xAxis: string;
  /** Draws y = x, the most that can be had. */
  readonly ideal?: true;
  readonly series: readonly Series[];
  readonly lines: readonly {
    readonly panel: string;
    readonly series: string;
    readonly points: readonly Point[];
  }[];
}

export type Chart = BarsChart | RatioChart | RooflineChart | StripChart | LinesChart;

/** A cell with something to say about its value: better, worse, or not to be trusted. */
export interface MarkedCell {
  readonly text: string;
  readonly tone: 'good' | 'bad' | 'noisy';
}

export type Cell = string | MarkedCell;

export interface Table {
  readonly caption: string;
  readonly columns: readonly { readonly title: string; readonly align: 'left' | 'right' }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A chart, what it shows in words (its text alternative), and its numbers. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly chart?: Chart;
  /** A short table under the chart, always open. */
  readonly summary?: Table;
  readonly table: Table;
  /** Two such figures stand side by side where there is room. */
  readonly half?: boolean;
  /** Show the table at once rather than on demand: where there is no chart, or a table says it better. */
  readonly openTable?: boolean;
  /** The table is too long for a README. */
  readonly bulky?: boolean;
}

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly paragraphs: readonly string[];
  readonly figures: readonly Figure[];
}

/** A number that a reader should see first. */
export interface Headline {
  readonly value: string;
  readonly label: string;
  readonly note?: string;
}

export interface ReportView {
  readonly title: string;
  readonly subtitle: string;
  readonly headlines: readonly Headline[];
  /** Machine, date, versions, settings, load, command. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** What makes these figures doubtful: other load, noisy rounds, wrong logits. */
  readonly warnings: readonly string[];
  readonly sections: readonly Section[];
  /** Each run: when, with what command, next to what other work. */
  readonly runs: Table;
}
