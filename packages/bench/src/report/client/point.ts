/**
 * Lets the keyboard point: the chart takes the focus once, arrow keys move from mark to mark. Each step moves a pointer
 * over the mark, so that the tooltip of Observable Plot shows as it does under a mouse, and says the mark's label.
 */
export function makePointable(svg: SVGSVGElement): void {
  const marks = [...svg.querySelectorAll<SVGGraphicsElement>('.mark [aria-label], .mark[aria-label] > *')];
  if (marks.length === 0) return;
  svg.setAttribute('tabindex', '0');
  let current = -1;
  const leave = () => {
    marks[current]?.classList.remove('pointed');
    svg.dispatchEvent(new PointerEvent('pointerleave', { pointerType: 'mouse' }));
  };
  const go = (index: number) => {
    marks[current]?.classList.remove('pointed');
    current = Math.max(0, Math.min(marks.length - 1, index));
    const mark = marks[current]!;
    mark.classList.add('pointed');
    const { left, top, width, height } = mark.getBoundingClientRect();
    svg.dispatchEvent(
      new PointerEvent('pointermove', {
        clientX: left + width / 2,
        clientY: top + height / 2,
        pointerType: 'mouse',
      }),
    );
    document.getElementById('said')!.textContent = mark.getAttribute('aria-label');
  };
  const steps: Readonly<Record<string, () => number>> = {
    ArrowRight: () => current + 1,
    ArrowDown: () => current + 1,
    ArrowLeft: () => current - 1,
    ArrowUp: () => current - 1,
    Home: () => 0,
    End: () => marks.length - 1,
  };
  svg.addEventListener('keydown', (event) => {
    const step = steps[event.key];
    if (event.key === 'Escape') leave();
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    go(step());
  });
  svg.addEventListener('blur', leave);
}
