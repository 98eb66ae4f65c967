import {lettersOn} from './letters.js';
import {openHelp} from './openHelp.js';
import {openPalette} from './openPalette.js';

/** A second key after `g` counts within this time. */
const CHORD_MS = 1500;

const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement
  && (target.isContentEditable || target.matches('input:not([type="checkbox"]), textarea, select'));

/** Puts the focus on the first link of the row after (1) or before (−1) the one that has it. */
const moveRow = (step: 1 | -1): void => {
  const links = [...document.querySelectorAll('main :is(tbody tr, .todo li, .board li li)')]
    .map((row) => row.querySelector<HTMLElement>('a[href], button'))
    .filter((link) => link !== null);
  const row = document.activeElement?.closest('tr, li');
  const at = links.findIndex((link) => link.closest('tr, li') === row);
  links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step]?.focus();
};

/** Ticks the box of the row that has the focus, or takes the tick off. */
const chooseRow = (): void => {
  const row = document.activeElement?.closest('tr, li');
  row?.querySelector<HTMLInputElement>('input[type="checkbox"][name="key"]')?.click();
};

/**
 * `<hot-keys></hot-keys>`, once per page: Ctrl K searches, `g` and a key follow the
 * link marked `data-goto="1"` (… `4`, `r`, `h`, `i`), `j` and `k` walk rows, `x` chooses one, Enter opens it, `?` lists all.
 * The top bar’s `.jump` link opens the same search.
 */
export class HotKeys extends HTMLElement {
  #chordUntil = 0;
  #stop = new AbortController();

  connectedCallback(): void {
    this.#stop = new AbortController();
    const {signal} = this.#stop;
    document.addEventListener('keydown', (event) => this.#press(event), {signal});
    document.addEventListener('click', (event) => {
      if (event.ctrlKey || event.metaKey || !(event.target as Element).closest('a.jump, button.jump')) return;
      event.preventDefault();
      openPalette();
    }, {signal});
  }

  disconnectedCallback(): void {
    this.#stop.abort();
  }

  #press(event: KeyboardEvent): void {
    if (document.querySelector('dialog[open]')) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !lettersOn()) return;
    const chord = event.timeStamp < this.#chordUntil;
    this.#chordUntil = 0;
    if (chord && /^[1-4rhi]$/.test(event.key)) {
      document.querySelector<HTMLElement>(`[data-goto="${event.key}"]`)?.click();
    } else if (event.key === 'g') this.#chordUntil = event.timeStamp + CHORD_MS;
    else if (event.key === '?') openHelp();
    else if (event.key === 'j') moveRow(1);
    else if (event.key === 'k') moveRow(-1);
    else if (event.key === 'x') chooseRow();
    else return;
    event.preventDefault();
  }
}
