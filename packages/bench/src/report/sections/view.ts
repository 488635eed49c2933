import type { Headline, ReportView, Section } from '../page/view.ts';
import { changesSection } from './changes.ts';
import { dateText } from './format.ts';
import { gather, type Source } from './gather.ts';
import { coresText, facts, runsTable, runWarnings } from './heading.ts';
import { kernelHeadlines, kernelKey, kernelsSection } from './kernels.ts';
import { layersSection } from './layers.ts';
import { networkHeadlines, networkKey, networksSection, networkWarnings } from './networks.ts';
import { type RooflineRow, rooflineSection } from './roofline.ts';
import { scalingSection } from './scaling.ts';
import { startHeadlines, startKey, startSection } from './start.ts';

/** Everything that a report of these files shows. */
export function reportView(sources: readonly [Source, ...Source[]]): ReportView {
  const networks = gather(sources, 'models', (run) => run.networks, networkKey);
  const kernels = gather(sources, 'kernels', (run) => run.kernels, kernelKey);
  const starts = gather(sources, 'start', (run) => run.starts, startKey);
  const roofs = gather(
    sources,
    'roofline',
    (run) => run.networks,
    ({ model, batch, threads }) => `${model}/${batch}/${threads}`,
  );
  const sections: (Section | undefined)[] = [
    networksSection(networks.rows),
    changesSection(networks.repeated, kernels.repeated, starts.repeated),
    layersSection(networks.rows),
    scalingSection(networks.rows),
    kernelsSection(kernels.rows),
    rooflineSection(roofs.rows.length > 0 ? roofs.rows : smallestBatchMostThreads(networks.rows)),
    startSection(starts.rows),
  ];
  const headlines: Headline[] = [
    ...networkHeadlines(networks.rows),
    ...kernelHeadlines(kernels.rows),
    ...startHeadlines(starts.rows),
  ];
  const newest = sources.map(({ results }) => results).reduce((a, b) => (b.date > a.date ? b : a));
  return {
    title: `Fusor on ${newest.machine.processor}`,
    subtitle: `${coresText(newest)}. Measured ${dateText(newest.date)}, ${newest.rounds} rounds, Fusor ${newest.fusor.version}${newest.fusor.commit === undefined ? '' : ` at ${newest.fusor.commit}`}.`,
    headlines,
    facts: facts(sources),
    warnings: [...runWarnings(sources), ...networkWarnings(networks.rows)],
    sections: sections.filter((section) => section !== undefined),
    runs: runsTable(sources),
  };
}

/** One roofline per network says enough where no run was made for it. */
function smallestBatchMostThreads(rows: readonly RooflineRow[]): RooflineRow[] {
  const threads = Math.max(...rows.map(({ value }) => value.threads));
  const candidates = rows.filter(({ value }) => value.threads === threads);
  const batch = Math.min(...candidates.map(({ value }) => value.batch));
  return candidates.filter(({ value }) => value.batch === batch);
}
