import {element} from '../lib/element.js';
import {lettersOn} from '../hot-keys/letters.js';
import {ask, isRefused, withRemedies, type Preview, type Refused} from './asking.js';
import {between, shifted, spanSaid} from './days.js';

/** A pointer that moved less than this clicked. */
const SLOP_PX = 4;
/** The consequences are asked for when the bar has rested this long on a day. */
const REST_MS = 140;

/** A bar, with its like in other lanes, on the way to other days. */
interface Trip {
  readonly bar: HTMLElement;
  readonly bars: readonly HTMLElement[];
  readonly what: 'all' | 'end';
  readonly start: string;
  readonly end: string | null;
  readonly dayWidth: number;
  readonly width: number;
  readonly ghosts: readonly HTMLElement[];
  days: number;
  preview: Preview | null;
}

const DAYS: Readonly<Record<string, number>> = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7};

/**
 * Wraps the timeline, whose bars are links with `data-key`, `data-start`, `data-end`; those with
 * `data-move` and `data-version` can be dragged, at their `.rm-grip` made longer, and moved by
 * keys. Only transforms change while a bar is on its way; the server draws everything else.
 * What a move does is asked of `data-api`, which also judges the move itself.
 */
export class RoadMap extends HTMLElement {
  #trip: Trip | null = null;
  #what: HTMLElement | null = null;
  #status: HTMLElement | null = null;
  #stop = new AbortController();
  #asking = new AbortController();
  #rest = 0;
  #frame = 0;
  #pointer: {id: number; x: number; y: number; at: number; bar: HTMLElement; what: 'all' | 'end'} | null = null;
  #dragged = false;

  connectedCallback(): void {
    this.#stop = new AbortController();
    const {signal} = this.#stop;
    this.#status = this.appendChild(element('p', {class: 'hidden-visually', role: 'status'}));
    this.addEventListener('pointerdown', (event) => this.#down(event), {signal});
    this.addEventListener('pointermove', (event) => this.#moved(event), {signal});
    this.addEventListener('pointerup', (event) => this.#up(event), {signal});
    this.addEventListener('pointercancel', () => this.#putBack(), {signal});
    this.addEventListener('dragstart', (event) => event.preventDefault(), {signal});
    this.addEventListener('keydown', (event) => this.#press(event), {signal});
    this.addEventListener('focusin', (event) => this.#rove(event.target), {signal});
    this.addEventListener('focusout', (event) => {
      if (this.#trip && !this.#pointer && !this.contains(event.relatedTarget as Node | null)) this.#putBack();
    }, {signal});
    this.addEventListener('click', (event) => {
      if ((event.target as Element).closest('.rm-what button')) this.#close();
      else if (this.#dragged) event.preventDefault();
      this.#dragged = false;
    }, {signal, capture: true});
    this.#rove(this.#bars()[0] ?? null);
  }

  disconnectedCallback(): void {
    this.#stop.abort();
    this.#asking.abort();
  }

  #bars(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>('.rm-bar')];
  }

  #shape(key: string): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>(`.rm-bar[data-key="${CSS.escape(key)}"]`)];
  }

  /** One bar is in the order of Tab; arrows reach the others. */
  #rove(target: EventTarget | null): void {
    const bar = target instanceof Element ? target.closest<HTMLElement>('.rm-bar') : null;
    if (!bar || !matchMedia('(min-width: 48rem)').matches) return;
    for (const each of this.#bars()) each.tabIndex = each === bar ? 0 : -1;
  }

  // Pointer

  #down(event: PointerEvent): void {
    this.#dragged = false;
    // A finger scrolls; on phones the item's own page moves it.
    if (event.button !== 0 || event.pointerType === 'touch') return;
    const bar = (event.target as Element).closest<HTMLElement>('.rm-bar[data-move]');
    if (!bar || this.#pointer) return;
    const what = (event.target as Element).closest('.rm-grip') ? 'end' : 'all';
    this.#pointer = {id: event.pointerId, x: event.clientX, y: event.clientY, at: event.clientX, bar, what};
  }

  #moved(event: PointerEvent): void {
    const pointer = this.#pointer;
    if (!pointer || event.pointerId !== pointer.id) return;
    if (!this.#trip) {
      if (Math.abs(event.clientX - pointer.x) < SLOP_PX) return;
      this.setPointerCapture(pointer.id);
      this.#begin(pointer.bar, pointer.what);
    }
    pointer.at = event.clientX;
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.#trip || !this.#pointer) return;
      const by = this.#pointer.at - this.#pointer.x;
      this.#draw(by);
      this.#reach(Math.round(by / this.#trip.dayWidth));
    });
  }

  #up(event: PointerEvent): void {
    if (!this.#pointer || event.pointerId !== this.#pointer.id) return;
    this.#pointer = null;
    if (!this.#trip) return;
    this.#dragged = true;
    this.#drop();
  }

  // Keys

  #press(event: KeyboardEvent): void {
    const bar = (event.target as Element).closest<HTMLElement>('.rm-bar');
    if (event.key === 'Escape' && (this.#trip || this.#what)) {
      event.preventDefault();
      this.#putBack();
      return;
    }
    if (!bar || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = DAYS[event.key];
    if (this.#trip && step !== undefined) this.#keyed(event, () => this.#reach((this.#trip?.days ?? 0) + step, true));
    else if (this.#trip && event.key === 'Enter') this.#keyed(event, () => this.#drop());
    else if (event.shiftKey && step !== undefined) this.#keyed(event, () => this.#begin(bar, 'all', step));
    else if ((event.key === 'm' || event.key === 'e') && lettersOn()) {
      this.#keyed(event, () => this.#begin(bar, event.key === 'm' ? 'all' : 'end', 0));
    } else if (step !== undefined) this.#keyed(event, () => this.#neighbour(bar, event.key)?.focus());
  }

  #keyed(event: KeyboardEvent, act: () => void): void {
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** Left and right stay in the lane; up and down go to the lane before and after, near in time. */
  #neighbour(bar: HTMLElement, key: string): HTMLElement | null {
    const lanes = [...this.querySelectorAll('.rm-lane')].filter((lane) => lane.querySelector('.rm-bar'));
    const lane = lanes.findIndex((each) => each.contains(bar));
    if (key === 'ArrowLeft' || key === 'ArrowRight') {
      const all = this.#bars();
      return all[all.indexOf(bar) + (key === 'ArrowRight' ? 1 : -1)] ?? null;
    }
    const other = lanes[lane + (key === 'ArrowDown' ? 1 : -1)];
    const start = bar.dataset.start ?? '';
    const far = (each: HTMLElement): number => Math.abs(between(start, each.dataset.start ?? start));
    return [...other?.querySelectorAll<HTMLElement>('.rm-bar') ?? []].sort((a, b) => far(a) - far(b))[0] ?? null;
  }

  // The way

  #begin(bar: HTMLElement, what: 'all' | 'end', days?: number): void {
    const {key = '', start = '', end} = bar.dataset;
    if (!('move' in bar.dataset)) {
      this.#say(`${key} cannot be moved here; its page says why.`);
      return;
    }
    if (what === 'end' && !end) {
      this.#say(`${key} has no end yet; its page sets one.`);
      return;
    }
    this.#close();
    const bars = this.#shape(key);
    const plot = bar.closest<HTMLElement>('.rm-plot');
    const box = bar.getBoundingClientRect();
    const mine = this.getBoundingClientRect();
    const ghosts = what === 'end' ? bars.map((each) => each.appendChild(element('i', {class: 'rm-ghost'}))) : [];
    this.#trip = {
      bar, bars, what, start, end: end ?? null, ghosts,
      dayWidth: (plot?.getBoundingClientRect().width ?? 1) / Number(this.dataset.days ?? 1),
      width: box.width, days: 0, preview: null,
    };
    for (const each of bars) {
      each.classList.remove('is-back');
      if (what === 'all') each.classList.add('is-dragged');
    }
    this.#what = this.appendChild(element('div', {class: 'rm-what is-held'}));
    const left = Math.min(Math.max(box.left - mine.left, 0), Math.max(mine.width - 360, 0));
    this.#what.style.transform = `translate(${left}px, ${box.bottom - mine.top + 10}px)`;
    this.#tell();
    if (days !== undefined) this.#reach(days, true);
  }

  #draw(px: number): void {
    const trip = this.#trip;
    if (!trip) return;
    if (trip.what === 'all') {
      for (const each of trip.bars) each.style.transform = `translateX(${px}px)`;
    } else {
      const scale = Math.max(trip.width + px, trip.dayWidth) / trip.width;
      for (const each of trip.ghosts) each.style.transform = `scaleX(${scale})`;
    }
  }

  /** Gives the days on which the item would be. */
  #aim(trip: Trip): {start: string; end: string | null} {
    const start = trip.what === 'all' ? shifted(trip.start, trip.days) : trip.start;
    return {start, end: trip.end && shifted(trip.end, trip.days)};
  }

  #reach(days: number, snap = false): void {
    const trip = this.#trip;
    if (!trip) return;
    // What ends before it starts is no length.
    const least = trip.what === 'end' && trip.end ? 1 - between(trip.start, trip.end) : -Infinity;
    const held = Math.max(days, least);
    if (snap) this.#draw(held * trip.dayWidth);
    if (held === trip.days && !(snap && days === 0)) return;
    trip.days = held;
    trip.preview = null;
    this.#asking.abort();
    clearTimeout(this.#rest);
    this.#tell();
    const key = trip.bar.dataset.key ?? '';
    const aim = this.#aim(trip);
    this.#say(`${key}: ${spanSaid(aim.start, aim.end)}`);
    if (held !== 0) this.#rest = window.setTimeout(() => void this.#ask(trip), REST_MS);
  }

  async #ask(trip: Trip): Promise<void> {
    this.#asking = new AbortController();
    const {signal} = this.#asking;
    let answer: Preview | Refused;
    try {
      answer = await ask(this.#url(trip, 'preview'), this.#aim(trip), this.#token, signal);
    } catch {
      return;
    }
    if (this.#trip !== trip || signal.aborted) return;
    if (isRefused(answer)) this.#explain(answer, trip);
    else {
      trip.preview = answer;
      this.#tell();
      const parts = this.#consequences(answer).map(([, text]) => text);
      this.#say(`${spanSaid(this.#aim(trip).start, this.#aim(trip).end)}. ${parts.join(' ')} Enter drops it, Escape puts it back.`);
    }
  }

  #url(trip: Trip, verb: string): string {
    return `${this.dataset.api}${encodeURIComponent(trip.bar.dataset.key ?? '')}/${verb}?site=${this.dataset.site}`;
  }

  get #token(): string {
    return this.querySelector<HTMLInputElement>('[name="csrfmiddlewaretoken"]')?.value ?? '';
  }

  #consequences(found: Preview): (readonly [string, string])[] {
    const lines: (readonly [string, string])[] = [];
    for (const each of found.refused) lines.push(['refused', `${each.sentence} ${each.remedy}`]);
    const refused = new Set(found.refused.map((each) => each.sentence));
    for (const each of found.made) {
      if (!refused.has(each.sentence)) lines.push(['made', `New: ${each.sentence}`]);
    }
    for (const each of found.gone) lines.push(['gone', `Gone: ${each.sentence}`]);
    for (const each of found.slips) lines.push(['made', `${each.item} could then not start before ${each.proposed}.`]);
    if (!lines.length) lines.push(['', found.left.length ? 'Nothing new gets in its way.' : 'It is in nobody’s way.']);
    return lines;
  }

  /** Draws where the bar would be, and what that does as far as it is known. */
  #tell(): void {
    const trip = this.#trip;
    if (!trip || !this.#what) return;
    const {start, end} = this.#aim(trip);
    const head = element('p', {class: 'dates'}, `${trip.bar.dataset.key}: ${spanSaid(start, end)}`);
    const lines = element('ul');
    if (trip.preview) {
      for (const [kind, text] of this.#consequences(trip.preview)) lines.append(element('li', {class: kind}, text));
    }
    const refused = trip.preview?.refused.length
      ? [element('h4', {}, 'It cannot be moved there')] : [];
    this.#what.classList.toggle('refusal', refused.length > 0);
    this.#what.replaceChildren(head, ...refused, lines);
  }

  async #drop(): Promise<void> {
    const trip = this.#trip;
    if (!trip) return;
    this.#asking.abort();
    clearTimeout(this.#rest);
    if (trip.days === 0) {
      this.#putBack();
      return;
    }
    this.#draw(trip.days * trip.dayWidth);
    for (const each of trip.bars) each.classList.add('is-sending');
    const version = Number(trip.bar.dataset.version ?? 0);
    const answer = await ask(this.#url(trip, 'move'), {...this.#aim(trip), version}, this.#token);
    if (this.#trip !== trip) return;
    if (isRefused(answer)) this.#explain(answer, trip);
    else await this.#redraw(trip);
  }

  /** Puts a bar back and says in the server's words why. */
  #explain(refused: Refused, trip: Trip): void {
    this.#return(trip);
    this.#trip = null;
    this.#pointer = null;
    if (!this.#what) return;
    this.#what.className = 'rm-what refusal';
    this.#what.setAttribute('role', 'alert');
    const lines = withRemedies(refused).map((each) => element('li', {}, each));
    const close = element('button', {type: 'button', class: 'btn'}, 'Close');
    const again = refused.code === 'roadmap.changed_meanwhile'
      ? [element('a', {class: 'btn', href: location.href}, 'Show it as it is now'), ' '] : [];
    this.#what.replaceChildren(
      element('h4', {}, lines.length ? `${trip.bar.dataset.key} cannot be moved there` : 'It was not moved'),
      lines.length ? element('ul', {}, ...lines) : element('p', {}, refused.detail),
      element('p', {class: 'row'}, ...again, close),
    );
    (this.#what.querySelector<HTMLElement>('a, button') ?? this.#what).focus({preventScroll: true});
    this.#what.dataset.of = trip.bar.dataset.key ?? '';
  }

  /** Takes the page as it now is, and keeps the place in it. */
  async #redraw(trip: Trip): Promise<void> {
    const key = trip.bar.dataset.key ?? '';
    const {start, end} = this.#aim(trip);
    this.#trip = null;
    let there: Document | null = null;
    try {
      const answer = await fetch(location.href);
      if (answer.ok) there = new DOMParser().parseFromString(await answer.text(), 'text/html');
    } catch {
      // The page is loaded anew below.
    }
    const fresh = there?.querySelector('road-map > [data-drawn]');
    const old = this.querySelector(':scope > [data-drawn]');
    if (!fresh || !old) {
      location.reload();
      return;
    }
    const scrolled = this.querySelector('.scroll-x')?.scrollLeft ?? 0;
    const had = this.contains(document.activeElement) || document.activeElement === document.body;
    old.replaceWith(document.adoptNode(fresh));
    const answer = there?.querySelector('h1');
    const shown = document.querySelector('h1');
    if (answer && shown) shown.textContent = answer.textContent;
    this.querySelector('.scroll-x')?.scrollTo({left: scrolled});
    this.#close();
    const bar = this.#shape(key)[0];
    this.#rove(bar ?? this.#bars()[0] ?? null);
    if (had) bar?.focus({preventScroll: true});
    this.#say(`${key} is moved: ${spanSaid(start, end)}.`);
  }

  #putBack(): void {
    const trip = this.#trip;
    const key = trip?.bar.dataset.key ?? this.#what?.dataset.of;
    this.#asking.abort();
    clearTimeout(this.#rest);
    this.#pointer = null;
    this.#trip = null;
    if (trip) {
      this.#return(trip);
      this.#say(`${key} is where it was.`);
    }
    this.#close();
  }

  #return(trip: Trip): void {
    for (const each of trip.ghosts) each.remove();
    for (const each of trip.bars) {
      each.classList.remove('is-dragged', 'is-sending');
      each.classList.add('is-back');
      each.style.transform = '';
    }
  }

  #close(): void {
    const had = this.#what?.contains(document.activeElement);
    const of = this.#what?.dataset.of;
    this.#what?.remove();
    this.#what = null;
    if (had && of) this.#shape(of)[0]?.focus({preventScroll: true});
  }

  #say(sentence: string): void {
    if (this.#status) this.#status.textContent = sentence;
  }
}
