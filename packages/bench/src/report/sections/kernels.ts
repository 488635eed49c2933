import type { KernelResult } from '../../results/index.ts';
import type { Cell, Figure, Headline, Mark, RatioChart, Section, Table } from '../page/view.ts';
import { engineSeries } from './colors.ts';
import { counted, digits, interval, percent, ratioText, ratioWithSpread, withSpread } from './format.ts';
import { engineOf, enginesOf, groupBy, type Row } from './gather.ts';
import { isNoisyRatio } from './networks.ts';

export type KernelRow = Row<'kernels', KernelResult>;

export function kernelKey({ op, shape, batch, threads }: KernelResult): string {
  return `${op}/${shape}/${batch}/${threads}`;
}

/** Single operations against the best rival on each shape, and against a plain copy where memory limits them. */
export function kernelsSection(rows: readonly KernelRow[]): Section | undefined {
  if (rows.length === 0) return undefined;
  const groups = groupBy(
    rows,
    ({ value }) => `${value.op}, batch ${value.batch}, ${counted(value.threads, 'thread')}`,
  );
  return {
    id: 'kernels',
    title: 'Single operations',
    paragraphs: [
      'Each shape on its own, against whichever rival is fastest on it, from the clearest win down. The table has every rival.',
    ],
    figures: [...groups].flatMap(([title, group], index) => [
      ...rivalFigure(`kernels-${index}`, title, group),
      ...copyFigure(`copy-${index}`, title, group),
    ]),
  };
}

function rivalFigure(id: string, title: string, rows: readonly KernelRow[]): Figure[] {
  const sorted = rows.toSorted(
    (a, b) => (b.value.best?.ratio.median ?? 0) - (a.value.best?.ratio.median ?? 0),
  );
  const marks = sorted.flatMap(({ value, run }): Mark[] => {
    if (value.best === undefined) return [];
    const { rival, ratio } = value.best;
    const own = value.engines[0];
    const noisy = isNoisyRatio(ratio, run.noiseBound);
    return [
      {
        row: value.shape,
        series: engineOf(run, rival).label,
        ...interval(ratio),
        noisy,
        detail: [
          ['', value.shape],
          ['Fusor is', `${ratioText(ratio.median)} as fast as ${engineOf(run, rival).label}`],
          ['middle half', `${ratioText(ratio.lowerQuartile)} to ${ratioText(ratio.upperQuartile)}`],
          ['algorithm', value.algorithm],
          ...(own === undefined
            ? []
            : [['Fusor', `${digits(own.milliseconds.median)} ms, ${speedText(value, own)}`] as const]),
          ...(value.networks.length === 0
            ? []
            : [
                [
                  'in',
                  value.networks.map(({ network, count }) => `${network} (${count})`).join(', '),
                ] as const,
              ]),
          ...(noisy ? [['noisy', 'the rounds do not agree'] as const] : []),
        ],
      },
    ];
  });
  const table = kernelsTable(title, sorted);
  const base = { id, title, table };
  if (marks.length === 0) {
    return [{ ...base, description: 'No rival was there to compare with.', openTable: true }];
  }
  const used = new Set(marks.map(({ series }) => series));
  const chart: RatioChart = {
    kind: 'ratio',
    axis: 'times as fast as the best rival',
    sides: ['Fusor slower', 'Fusor faster'],
    series: enginesOf(rows.map(({ run }) => run))
      .filter(({ label }) => used.has(label))
      .map(engineSeries),
    marks,
  };
  return [
    {
      ...base,
      description:
        'Colour is the rival that came closest. Dot: median; thick line: the middle half; hollow: noisy.',
      chart,
    },
  ];
}

function speedText({ gflop }: KernelResult, own: KernelResult['engines'][number]): string {
  return gflop > 0
    ? `${digits(own.gflops)} GFLOP/s, ${percent(own.peakShare)} of the peak`
    : `${digits(own.gigabytesPerSecond)} GB/s`;
}

function kernelsTable(title: string, rows: readonly KernelRow[]): Table {
  const rivals = enginesOf(rows.map(({ run }) => run)).filter(({ id }) =>
    rows.some(({ value }) => value.speedups.some(({ rival }) => rival === id)),
  );
  return {
    caption: title,
    columns: [
      { title: 'Shape', align: 'left' },
      { title: 'Algorithm', align: 'left' },
      { title: 'Fusor, ms', align: 'right' },
      { title: 'GFLOP/s', align: 'right' },
      { title: 'of peak', align: 'right' },
      { title: 'GB/s', align: 'right' },
      ...rivals.map(({ label }) => ({ title: `against ${label}`, align: 'right' as const })),
    ],
    rows: rows.map(({ value, run }) => {
      const own = value.engines[0];
      return [
        value.shape,
        value.algorithm,
        own === undefined ? '' : markNoise(withSpread(own.milliseconds), own.noisy),
        own === undefined || value.gflop === 0 ? '' : digits(own.gflops),
        own === undefined || value.gflop === 0 ? '' : percent(own.peakShare),
        own === undefined ? '' : digits(own.gigabytesPerSecond),
        ...rivals.map(({ id }): Cell => {
          const ratio = value.speedups.find(({ rival }) => rival === id)?.ratio;
          if (ratio === undefined) return '';
          const text = ratioWithSpread(ratio);
          if (isNoisyRatio(ratio, run.noiseBound)) return { text: `${text}, noisy`, tone: 'noisy' };
          return { text, tone: ratio.median >= 0.97 ? 'good' : 'bad' };
        }),
      ];
    }),
  };
}

function markNoise(text: string, noisy: boolean): Cell {
  return noisy ? { text: `${text}, noisy`, tone: 'noisy' } : text;
}

function copyFigure(id: string, title: string, rows: readonly KernelRow[]): Figure[] {
  const copied = rows
    .flatMap(({ value, run }) => (value.copy === undefined ? [] : [{ value, run, copy: value.copy }]))
    .sort((a, b) => b.copy.share.median - a.copy.share.median);
  if (copied.length === 0) return [];
  const series = engineSeries({ id: 'copy', label: 'plain copy' });
  const marks = copied.map(({ value, run, copy }): Mark => {
    const noisy = isNoisyRatio(copy.share, run.noiseBound);
    return {
      row: value.shape,
      series: series.label,
      ...interval(copy.share),
      noisy,
      detail: [
        ['', value.shape],
        ['against a copy', `${ratioText(copy.share.median)} as fast`],
        ['middle half', `${ratioText(copy.share.lowerQuartile)} to ${ratioText(copy.share.upperQuartile)}`],
        ['copy', `${withSpread(copy.milliseconds)} ms`],
      ],
    };
  });
  return [
    {
      id,
      title: `${title}: against a plain copy`,
      description:
        'A copy that moves the same bytes, timed in turns with the operation. At 1 the arithmetic is hidden behind memory.',
      chart: {
        kind: 'ratio',
        axis: 'times as fast as a copy',
        sides: ['slower than a copy', 'faster'],
        series: [series],
        marks,
      },
      table: {
        caption: `${title}: against a plain copy`,
        columns: [
          { title: 'Shape', align: 'left' },
          { title: 'copy, ms', align: 'right' },
          { title: 'against a copy', align: 'right' },
        ],
        rows: copied.map(({ value, copy }) => [
          value.shape,
          withSpread(copy.milliseconds),
          ratioWithSpread(copy.share),
        ]),
      },
    },
  ];
}

export function kernelHeadlines(rows: readonly KernelRow[]): Headline[] {
  const compared = rows.filter(({ value }) => value.best !== undefined);
  if (compared.length === 0) return [];
  const fine = compared.filter(({ value }) => value.verdict !== 'slower').length;
  return [
    {
      value: `${fine} of ${compared.length}`,
      label: 'operations no slower',
      note: 'than the best rival on the same shape',
    },
  ];
}
