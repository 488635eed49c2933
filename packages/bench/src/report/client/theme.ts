/** The reader's choice of colours; page.css does the rest through `color-scheme`. Printing is always light. */
export function followThemeSwitch(): void {
  for (const input of document.querySelectorAll<HTMLInputElement>('input[name="theme"]')) {
    input.addEventListener('change', () => {
      if (input.value === 'auto') delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = input.value;
    });
  }
}
