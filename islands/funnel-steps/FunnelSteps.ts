import {element} from '../lib/element.js';

const MOST_STEPS = 12;

/**
 * Wraps the step inputs of the funnel's form:
 *
 *   <funnel-steps>
 *     <ol>
 *       <li><label>Step 1 <input name="step" value="view_item"></label></li> …
 *     </ol>
 *     <button type="button" data-add hidden>Add a step</button>
 *   </funnel-steps>
 *
 * `data-name` is what the inputs' ids begin with; `step` without one.
 * Each row gets buttons for up, down and remove. Without a script the form has its
 * inputs and an empty last one, and works as it is; empty steps are left out by the server.
 */
export class FunnelSteps extends HTMLElement {
  #rows: HTMLElement | null = null;
  #said: HTMLElement | null = null;

  connectedCallback(): void {
    this.#rows = this.querySelector('ol');
    const add = this.querySelector<HTMLButtonElement>('[data-add]');
    if (!this.#rows || !add) return;
    // htmx may put back a page from its history, buttons and all.
    for (const old of this.querySelectorAll('[data-step-actions], [data-said]')) old.remove();
    this.#said = this.appendChild(element('p', {class: 'hidden-visually', role: 'status', 'data-said': ''}));
    for (const row of this.#steps()) this.#equip(row);
    add.hidden = false;
    add.addEventListener('click', () => this.#add());
    this.#number();
  }

  #steps(): HTMLElement[] {
    return [...(this.#rows?.children ?? [])] as HTMLElement[];
  }

  #equip(row: HTMLElement): void {
    const button = (act: string, sign: string) =>
      element('button', {type: 'button', class: 'btn btn--bare', 'data-act': act}, sign);
    const actions = element('span', {'data-step-actions': '', class: 'step-actions'},
      button('up', '↑'), button('down', '↓'), button('remove', '×'));
    actions.addEventListener('click', (event) => {
      const act = (event.target as Element).closest<HTMLElement>('[data-act]')?.dataset.act;
      if (act === 'remove') this.#remove(row);
      else if (act) this.#move(row, act === 'up' ? -1 : 1);
    });
    row.append(actions);
  }

  #add(): void {
    const last = this.#steps().at(-1);
    if (!last || this.#steps().length >= MOST_STEPS) return;
    const row = last.cloneNode(true) as HTMLElement;
    row.querySelector('[data-step-actions]')?.remove();
    for (const input of row.querySelectorAll<HTMLInputElement | HTMLSelectElement>('input, select')) input.value = '';
    this.#equip(row);
    this.#rows?.append(row);
    this.#changed(`Step ${this.#steps().length} added`);
    row.querySelector<HTMLElement>('input, select')?.focus();
  }

  #remove(row: HTMLElement): void {
    const steps = this.#steps();
    const at = steps.indexOf(row);
    if (steps.length <= 1) return;
    row.remove();
    this.#changed(`Step ${at + 1} removed`);
    (this.#steps()[Math.max(at - 1, 0)])?.querySelector<HTMLElement>('input, select')?.focus();
  }

  #move(row: HTMLElement, by: 1 | -1): void {
    const steps = this.#steps();
    const at = steps.indexOf(row);
    const other = steps[at + by];
    if (!other) return;
    if (by < 0) other.before(row);
    else other.after(row);
    this.#changed(`Step ${at + 1} is now step ${at + 1 + by}`);
    const act = by < 0 ? 'up' : 'down';
    const same = row.querySelector<HTMLButtonElement>(`[data-act="${act}"]`);
    (same?.disabled ? row.querySelector<HTMLElement>('[data-act]:not(:disabled)') : same)?.focus();
  }

  #changed(sentence: string): void {
    this.#number();
    if (this.#said) this.#said.textContent = sentence;
    this.dispatchEvent(new Event('change', {bubbles: true}));
  }

  /** Writes the numbers that a reader sees and hears anew. */
  #number(): void {
    const steps = this.#steps();
    steps.forEach((row, index) => {
      const name = `Step ${index + 1}`;
      const label = row.querySelector('label');
      const text = [...(label?.childNodes ?? [])].find((node) => node instanceof Text && node.data.trim());
      if (text) text.textContent = `${name} `;
      const input = row.querySelector('input, select');
      if (input?.id) {
        input.id = `${this.dataset.name ?? 'step'}-${index + 1}`;
        label?.setAttribute('for', input.id);
      }
      for (const button of row.querySelectorAll<HTMLButtonElement>('[data-act]')) {
        const act = button.dataset.act;
        button.setAttribute('aria-label',
          act === 'remove' ? `Remove step ${index + 1}` : `Move step ${index + 1} ${act}`);
        button.disabled = act === 'up' ? index === 0
          : act === 'down' ? index === steps.length - 1
          : steps.length <= 1;
      }
    });
    const add = this.querySelector<HTMLButtonElement>('[data-add]');
    if (add) add.disabled = steps.length >= MOST_STEPS;
  }
}
