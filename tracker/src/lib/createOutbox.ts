import type {Line} from '../types.js';
import {attempt} from './attempt.js';
import {isFresh} from './isFresh.js';
import {randomId} from './randomId.js';

/** A guest in somebody else's localStorage; the oldest events make room. */
const MAX_CHARACTERS = 200_000;

export interface Outbox {
  /** Replaces what this page has on disk. */
  save(lines: Iterable<Line>): void;
  /** What pages of this site left behind; it is this page's from then on. */
  adopt(): Line[];
}

/**
 * Keeps unacknowledged events in localStorage. Every page writes under a name of its
 * own, so two tabs never overwrite each other; when a page adopts what belongs to a
 * tab that is still alive, both send it and the server keeps one.
 */
export const createOutbox = (key: string): Outbox => {
  const prefix = `truelift:${key}:`;
  const own = prefix + randomId();
  return {
    save(lines) {
      // A cut may tear the first line; adopting drops what is not an event.
      const text = [...lines].join('\n').slice(-MAX_CHARACTERS);
      attempt(() => (text ? localStorage.setItem(own, text) : localStorage.removeItem(own)));
    },
    adopt() {
      const lines: Line[] = [];
      attempt(() => {
        for (const name of Object.keys(localStorage)) {
          if (!name.startsWith(prefix) || name === own) continue;
          lines.push(...(localStorage.getItem(name) ?? '').split('\n'));
          localStorage.removeItem(name);
        }
      });
      return lines.filter((line) => isFresh(line));
    },
  };
};
