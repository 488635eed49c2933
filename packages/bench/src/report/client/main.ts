import type { Chart } from '../page/view.ts';
import { barsChart } from './charts/bars.ts';
import { linesChart } from './charts/lines.ts';
import { ratioChart } from './charts/ratio.ts';
import { rooflineChart } from './charts/roofline.ts';
import { stripChart } from './charts/strip.ts';
import { keepFitting } from './fit.ts';
import { legend } from './legend.ts';
import { followThemeSwitch } from './theme.ts';

followThemeSwitch();
const charts: Readonly<Record<string, Chart>> = JSON.parse(document.getElementById('charts')!.textContent!);
for (const place of document.querySelectorAll<HTMLElement>('.chart')) {
  const chart = charts[place.dataset.chart!]!;
  place.before(legend(chart));
  keepFitting(place, (width) => draw(chart, width));
}

function draw(chart: Chart, width: number): SVGSVGElement {
  switch (chart.kind) {
    case 'bars':
      return barsChart(chart, width);
    case 'ratio':
      return ratioChart(chart, width);
    case 'roofline':
      return rooflineChart(chart, width);
    case 'strip':
      return stripChart(chart, width);
    case 'lines':
      return linesChart(chart, width);
  }
}
