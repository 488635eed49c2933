/** What Node reports of its own process, as far as it is used here. */
export interface ProcessReport {
  readonly header: { readonly glibcVersionRuntime?: string };
  /** Libraries in this process. */
  readonly sharedObjects?: readonly string[];
}

export function processReport(): ProcessReport {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  // Peers are of no use here, and looking up their names takes time.
  report.excludeNetwork = true;
  return report.getReport() as ProcessReport;
}
