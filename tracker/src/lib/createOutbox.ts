import type {Line} from '../types.js';
import {attempt} from './attempt.js';
import {randomId} from './randomId.js';

/** A guest in somebody else's localStorage; the oldest events make room. */
const MAX_CHARACTERS = 200_000;

/** A request that left with its page has arrived by then, or never will. */
export const SETTLED_MS = 10_000;

export interface Outbox {
  /** Replaces what this page has on disk; `flying` says that a request with some of it is under way. */
  save(lines: Iterable<Line>, flying: boolean): void;
  /** What pages of this site left behind; it is this page's from then on. */
  adopt(): Line[];
  /** Removes what any page left behind: its visitor has said no. */
  forget(): void;
}

/**
 * Keeps unacknowledged events in localStorage. Every page writes under a name of its
 * own, so two tabs never overwrite each other; when a page adopts what belongs to a
 * tab that is still alive, both send it and the server keeps one. What was under way
 * a moment ago is left alone: a visitor who clicks fast would send it on every page.
 */
export const createOutbox = (key: string): Outbox => {
  const prefix = `truelift:${key}:`;
  const own = prefix + randomId();
  return {
    save(lines, flying) {
      // A cut may tear the first line; the queue drops what is not an event.
      const text = [...lines].join('\n').slice(-MAX_CHARACTERS);
      attempt(() =>
        text ? localStorage.setItem(own, `${flying ? Date.now() : 0}\n${text}`) : localStorage.removeItem(own),
      );
    },
    adopt() {
      const lines: Line[] = [];
      attempt(() => {
        for (const name of Object.keys(localStorage)) {
          if (!name.startsWith(prefix) || name === own) continue;
          const [flyingSince, ...left] = (localStorage.getItem(name) ?? '').split('\n');
          if (Math.abs(Date.now() - Number(flyingSince)) < SETTLED_MS) continue;
          lines.push(...left);
          localStorage.removeItem(name);
        }
      });
      return lines;
    },
    forget() {
      attempt(() => {
        for (const name of Object.keys(localStorage)) if (name.startsWith(prefix)) localStorage.removeItem(name);
      });
    },
  };
};
