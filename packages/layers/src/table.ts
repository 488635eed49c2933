/** Columns of text: the first left-aligned, the others too unless they hold numbers only. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const numeric = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[\d.,%-]*$/.test(row[column] ?? '')),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [line(header), rule, ...rows.map(line)].join('\n');
}

/** `25,557,032` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** A count with three digits and a prefix: `8.18 G`, `97.5 M`, `12.0 k`, `7`. */
export function formatShort(count: number): string {
  for (const [factor, prefix] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    // Rounded to three digits, 999.9 is 1.00 of the next.
    if (count >= factor * 0.9995) return `${(count / factor).toPrecision(3)} ${prefix}`;
  }
  return `${count} `;
}
