import {attempt} from './attempt.js';
import {randomId} from './randomId.js';

const NAME = 'truelift_id';

/** Thirteen months, the longest that regulators who name a figure allow. */
const LIFE_MS = 395 * 86_400_000;

/** Stands where the id would stand, for a visitor who has said no. */
const REFUSED = '-';

export interface Visitor {
  /** The visitor's id; the same on every page of the site where storage allows it, else of this page. */
  id(): string;
  refused(): boolean;
  /** Writes the id into cookie and localStorage; nothing is written before. */
  keep(): void;
  /** Removes the id and remembers that the visitor said no. */
  refuse(): void;
  /** Begins as somebody new, who has not said no. */
  renew(): void;
  /** Leaves nothing behind. */
  forget(): void;
}

/** When an id was made stands in its first part, so that using it does not prolong it. */
const fresh = (): string => `${Date.now().toString(36)}-${randomId()}`;

const ageOf = (id: string): number => Date.now() - parseInt(id, 36);

/**
 * Sets the cookie on the widest domain the browser accepts, so that `www.` and
 * `checkout.` see one visitor; browsers themselves refuse `co.uk` and its like.
 */
const writeCookie = (value: string, maxAgeMs: number): void => {
  const labels = location.hostname.split('.');
  for (let from = labels.length - 2; from >= -1; from--) {
    const domain = from < 0 ? '' : `;domain=${labels.slice(from).join('.')}`;
    const secure = location.protocol === 'https:' ? ';secure' : '';
    document.cookie = `${NAME}=${value};path=/;max-age=${(maxAgeMs / 1000) | 0};samesite=lax${domain}${secure}`;
    if (value && document.cookie.includes(`${NAME}=${value}`)) return;
  }
};

/** The first-party id. Where the browser denies storage it lives as long as the page. */
export const createVisitor = (): Visitor => {
  let memory = '';

  const read = (): string =>
    (attempt(() => /(?:^|; )truelift_id=([^;]+)/.exec(document.cookie)?.[1]) ??
      attempt(() => localStorage.getItem(NAME))) ||
    memory;

  const write = (value: string, maxAgeMs: number = LIFE_MS): void => {
    memory = value;
    attempt(() => writeCookie(value, maxAgeMs));
    attempt(() => (value ? localStorage.setItem(NAME, value) : localStorage.removeItem(NAME)));
  };

  const id = (): string => (memory = [read(), memory].find((known) => ageOf(known) < LIFE_MS) ?? fresh());

  return {
    id,
    refused: () => read() === REFUSED,
    keep: () => write(id(), LIFE_MS - Math.max(ageOf(id()), 0)),
    refuse: () => write(REFUSED),
    renew: () => write(fresh()),
    forget: () => write('', 0),
  };
};
