const CHOICES = ['system', 'light', 'dark'] as const;
type Choice = (typeof CHOICES)[number];

const YEAR_S = 31_536_000;

const current = (): Choice =>
  CHOICES.find((choice) => choice === document.documentElement.dataset.theme) ?? 'system';

/**
 * `<theme-switch><button type="button" hidden>Theme: <b>System</b></button></theme-switch>`:
 * goes through system, light and dark. The choice is the cookie `theme`, from which the
 * server writes `<html data-theme>`, so that no page flashes in the other theme.
 */
export class ThemeSwitch extends HTMLElement {
  connectedCallback(): void {
    const button = this.querySelector('button');
    const word = this.querySelector('b');
    if (!button || !word) return;
    const show = (choice: Choice) => {
      word.textContent = choice.charAt(0).toUpperCase() + choice.slice(1);
    };
    show(current());
    button.hidden = false;
    button.addEventListener('click', () => {
      const next = CHOICES[(CHOICES.indexOf(current()) + 1) % CHOICES.length] ?? 'system';
      const {dataset} = document.documentElement;
      if (next === 'system') delete dataset.theme;
      else dataset.theme = next;
      const secure = location.protocol === 'https:' ? '; secure' : '';
      document.cookie = `theme=${next}; path=/; max-age=${YEAR_S}; samesite=lax${secure}`;
      show(next);
    });
  }
}
