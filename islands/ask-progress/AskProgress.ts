/** What this island uses of htmx, which the page loads before it. */
interface Htmx {
  trigger(element: Element, event: string): void;
  config: {refreshOnHistoryMiss?: boolean};
}

interface Request {
  formData?: FormData;
  headers?: Record<string, string>;
}

const SHOWN_AFTER_MS = 300;
const SAID_AFTER_MS = 2000;
const HEADER = 'Truelift-Asking';
/** Other islands inside the form have places of that name, too. */
const SAID = '[data-asking] [data-said]';

/**
 * Wraps an explorer's form while htmx asks for its answer:
 *
 *   <ask-progress>
 *     <form hx-get …>…</form>
 *     <div data-asking hidden><p data-said></p>
 *       <form method="post" action="…" data-cancelling><input type="hidden" name="asking"><button data-cancel>Cancel</button></form>
 *     </div>
 *     <p role="status" data-status></p>
 *   </ask-progress>
 *
 * After 300 ms it says that it is asking and offers to cancel, after 2 s for how long
 * already. Every question gets a name, by which the server ends its work when a person
 * cancels, asks something else or leaves. Without a script the form is an ordinary one.
 */
export class AskProgress extends HTMLElement {
  #timers: ReturnType<typeof setInterval>[] = [];
  #cancelled = false;
  #asking = '';
  readonly #leave = (): void => this.#tell();

  connectedCallback(): void {
    const htmx = (window as unknown as {htmx?: Htmx}).htmx;
    // A step back loads the page anew: only the answer was swapped, not the form.
    if (htmx) htmx.config.refreshOnHistoryMiss = true;
    this.addEventListener('htmx:configRequest', (event) => {
      const request = (event as CustomEvent<Request>).detail;
      this.#shorten(request.formData);
      // Another question takes this one's place; nobody is going to see its answer.
      this.#tell();
      this.#asking = name();
      if (request.headers) request.headers[HEADER] = this.#asking;
    });
    this.addEventListener('htmx:beforeRequest', () => this.#begin());
    this.addEventListener('htmx:afterRequest', (event) => {
      this.#end((event as CustomEvent<{successful?: boolean; xhr?: XMLHttpRequest}>).detail);
    });
    this.#part('[data-cancelling]')?.addEventListener('submit', (event) => {
      const form = this.querySelector('form');
      event.preventDefault();
      this.#cancelled = true;
      if (form && htmx) htmx.trigger(form, 'htmx:abort');
    });
    window.addEventListener('pagehide', this.#leave);
  }

  disconnectedCallback(): void {
    window.removeEventListener('pagehide', this.#leave);
    this.#stop();
  }

  #part(selector: string): HTMLElement | null {
    return this.querySelector<HTMLElement>(selector);
  }

  /** What is left empty says nothing: the address that people share stays short. */
  #shorten(typed: FormData | undefined): void {
    if (!typed) return;
    const said = [...typed].filter(([, value]) => value !== '');
    for (const name of [...typed.keys()]) typed.delete(name);
    for (const [name, value] of said) typed.append(name, value);
  }

  /** Tells the server that nobody waits for the running question, also while the page goes. */
  #tell(): void {
    const form = this.#part('[data-cancelling]') as HTMLFormElement | null;
    if (!form || !this.#asking) return;
    const said = new FormData(form);
    said.set('asking', this.#asking);
    this.#asking = '';
    navigator.sendBeacon(form.action, said);
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
      this.#say('Reading the events of this question …', SAID);
      this.#say('Asking', '[data-status]');
    };
    const count = () => {
      const seconds = Math.round((Date.now() - began) / 1000);
      if (Date.now() - began >= SAID_AFTER_MS) {
        this.#say(`Reading the events of this question: ${seconds} s so far. A shorter period is quicker.`, SAID);
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
      this.#asking = '';
      if (asking?.contains(document.activeElement)) this.querySelector<HTMLElement>('[type=submit]')?.focus();
      if (asking) asking.hidden = true;
      this.#say(document.querySelector('h1')?.textContent ?? '', '[data-status]');
    } else {
      this.#tell();
      const said = this.#unanswered(status);
      if (asking) asking.hidden = false;
      this.#say(said, SAID);
      this.#say(said, '[data-status]');
    }
    // The button goes before the focus does, or the focus would be lost with it.
    if (!answered) this.querySelector<HTMLElement>('[type=submit]')?.focus();
    if (cancel) cancel.hidden = !answered;
  }

  /** Says why there is no answer; what waited for its first one does not go on waiting. */
  #unanswered(status: number): string {
    const waiting = document.querySelector('[data-coming]');
    const still = waiting ? '“Show” asks it again.' : 'Below still stands the answer from before.';
    waiting?.removeAttribute('aria-busy');
    waiting?.querySelectorAll('.skel').forEach((each) => each.remove());
    const words = waiting?.querySelector('[data-coming-said]');
    if (words) words.textContent = 'There is no answer yet.';
    return this.#cancelled
      ? `Cancelled. ${still}`
      : `There was no answer (${status || 'no connection'}). ${still}`;
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

/** Makes up a name for a question; randomUUID is not there without HTTPS. */
const name = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, '0')).join('');
