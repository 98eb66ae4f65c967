const CHOICES = ['system', 'light', 'dark'] as const;
type Choice = (typeof CHOICES)[number];

const after = (choice: Choice): Choice => CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length] ?? 'system';

const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/**
 * `<theme-switch><form method="post">… <input name="theme"> <button>Theme: <b>System</b></button></form></theme-switch>`:
 * the form works by itself; with this the page changes at once and stays where it is,
 * and the server, which writes `<html data-theme>`, is told in the background.
 */
export class ThemeSwitch extends HTMLElement {
  connectedCallback(): void {
    const form = this.querySelector('form');
    const next = form?.querySelector<HTMLInputElement>('input[name="theme"]');
    const word = form?.querySelector('b');
    const button = form?.querySelector('button');
    if (!form || !next || !word || !button) return;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void fetch(form.action, {method: 'POST', body: new FormData(form), redirect: 'manual'});
      const chosen = CHOICES.find((choice) => choice === next.value) ?? 'system';
      const {dataset} = document.documentElement;
      if (chosen === 'system') delete dataset.theme;
      else dataset.theme = chosen;
      word.textContent = capitalised(chosen);
      next.value = after(chosen);
      button.title = `Change to ${after(chosen)}`;
    });
  }
}
