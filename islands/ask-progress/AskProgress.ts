/** What this island uses of htmx, which the page loads before it. */
interface Htmx {
  trigger(element: Element, event: string): void;
  config: {refreshOnHistoryMiss?: boolean};
}

const SHOWN_AFTER_MS = 300;
const SAID_AFTER_MS = 2000;

/**
 * Wraps an explorer's form while htmx asks for its answer:
 *
 *   <ask-progress>
 *     <form hx-get …>…</form>
 *     <div data-asking hidden><p data-said></p><button data-cancel>Cancel</button></div>
 *     <p role="status" data-status></p>
 *   </ask-progress>
 *
 * After 300 ms it says that it is asking and offers to cancel, after 2 s for how long
 * already. Without a script the form is an ordinary one and the browser waits.
 */
export class AskProgress extends HTMLElement {
  #timers: ReturnType<typeof setInterval>[] = [];
  #cancelled = false;

  connectedCallback(): void {
    const htmx = (window as unknown as {htmx?: Htmx}).htmx;
    // A step back loads the page anew: only the answer was swapped, not the form.
    if (htmx) htmx.config.refreshOnHistoryMiss = true;
    // What is left empty says nothing: the address that people share stays short.
    this.addEventListener('htmx:configRequest', (event) => {
      const {formData} = (event as CustomEvent<{formData?: FormData}>).detail;
      if (!formData) return;
      const said = [...formData].filter(([, value]) => value !== '');
      for (const name of [...formData.keys()]) formData.delete(name);
      for (const [name, value] of said) formData.append(name, value);
    });
    this.addEventListener('htmx:beforeRequest', () => this.#begin());
    this.addEventListener('htmx:afterRequest', (event) => {
      this.#end((event as CustomEvent<{successful?: boolean; xhr?: XMLHttpRequest}>).detail);
    });
    this.#part('[data-cancel]')?.addEventListener('click', () => {
      const form = this.querySelector('form');
      this.#cancelled = true;
      if (form && htmx) htmx.trigger(form, 'htmx:abort');
    });
  }

  disconnectedCallback(): void {
    this.#stop();
  }

  #part(selector: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(selector);
  }

  #begin(): void {
    this.#stop();
    this.#cancelled = false;
    const began = Date.now();
    document.getElementById('explorer-answer')?.setAttribute('aria-busy', 'true');
    const show = () => {
      const asking = this.#part('[data-asking]');
      const cancel = this.#part('[data-cancel]');
      if (asking) asking.hidden = false;
      if (cancel) cancel.hidden = false;
      this.#say('Reading the events of this question …', '[data-said]');
      this.#say('Asking', '[data-status]');
    };
    const count = () => {
      const seconds = Math.round((Date.now() - began) / 1000);
      if (Date.now() - began >= SAID_AFTER_MS) {
        this.#say(`Reading the events of this question: ${seconds} s so far. A shorter period is quicker.`, '[data-said]');
      }
    };
    this.#timers = [setTimeout(show, SHOWN_AFTER_MS), setInterval(count, 1000)];
  }

  #end(detail: {successful?: boolean; xhr?: XMLHttpRequest}): void {
    this.#stop();
    document.getElementById('explorer-answer')?.removeAttribute('aria-busy');
    const asking = this.#part('[data-asking]');
    const status = detail.xhr?.status ?? 0;
    const answered = detail.successful || status === 422 || status === 409;
    const cancel = this.#part('[data-cancel]');
    if (answered) {
      if (asking?.contains(document.activeElement)) this.querySelector<HTMLElement>('[type=submit]')?.focus();
      if (asking) asking.hidden = true;
      this.#say(document.querySelector('h1')?.textContent ?? '', '[data-status]');
    } else {
      const said = this.#cancelled
        ? 'Cancelled. Below still stands the answer from before.'
        : `There was no answer (${status || 'no connection'}). Below still stands the one from before; try again.`;
      if (asking) asking.hidden = false;
      this.#say(said, '[data-said]');
      this.#say(said, '[data-status]');
    }
    // The button goes before the focus does, or the focus would be lost with it.
    if (!answered) this.querySelector<HTMLElement>('[type=submit]')?.focus();
    if (cancel) cancel.hidden = !answered;
  }

  #say(words: string, where: string): void {
    const place = this.#part(where);
    if (place) place.textContent = words;
  }

  #stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }
}
