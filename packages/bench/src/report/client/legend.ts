import type { Chart } from '../page/view.ts';

/** Names of the series with their colours. Made here, not by Plot, so that it wraps and prints as text does. */
export function legend({ series }: Chart): HTMLElement {
  const list = document.createElement('ul');
  list.className = 'legend';
  for (const { label, color } of series) {
    const item = document.createElement('li');
    const swatch = document.createElement('i');
    swatch.style.background = `var(--${color})`;
    item.append(swatch, label);
    list.append(item);
  }
  return list;
}
