import { makePointable } from './point.ts';

/** A sheet of A4 between its margins, in CSS pixels: what charts are drawn for when the page is printed. */
const printWidth = 680;

/** Below this a chart is drawn no smaller but shown smaller. */
const leastWidth = 280;

/** Draws a chart as wide as its place, now and whenever that changes, so that its text never shrinks with it. */
export function keepFitting(place: HTMLElement, draw: (width: number) => SVGSVGElement): void {
  const description = place.getAttribute('aria-describedby');
  let drawn = 0;
  const fit = (width: number) => {
    if (width === drawn) return;
    drawn = width;
    const svg = draw(width);
    const title = place.closest('figure')?.querySelector('h3')?.textContent;
    svg.setAttribute('role', 'group');
    svg.setAttribute('aria-roledescription', 'chart');
    svg.setAttribute('aria-label', `${title ?? 'Chart'}. Arrow keys move through its values.`);
    if (description !== null) svg.setAttribute('aria-describedby', description);
    makePointable(svg);
    place.replaceChildren(svg);
  };
  const measure = () => fit(Math.max(leastWidth, Math.floor(place.clientWidth)));
  measure();
  new ResizeObserver(measure).observe(place);
  addEventListener('beforeprint', () => fit(printWidth));
  addEventListener('afterprint', measure);
}
