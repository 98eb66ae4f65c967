import {isTarget, type Target} from './targets.js';

/** Typing settles for this long before the server is asked. */
const SETTLE_MS = 120;

/**
 * Asks the site's own search for what the page does not name, and tells `found` what it says.
 * Only the newest question is answered; when the server does not answer, nothing is told and the
 * page's own list stays.
 */
export const serverSearch = (address: string, found: (items: Target[]) => void) => {
  let newest = new AbortController();
  let waiting = 0;
  const ask = async (words: string) => {
    newest.abort();
    newest = new AbortController();
    const {signal} = newest;
    try {
      const answer = await fetch(`${address}?q=${encodeURIComponent(words)}`, {signal, headers: {accept: 'application/json'}});
      if (!answer.ok) return;
      const {items}: {items?: unknown} = await answer.json();
      if (!signal.aborted && Array.isArray(items)) found(items.filter(isTarget));
    } catch {
      // Without the server the page's own list is all there is.
    }
  };
  return {
    ask(words: string) {
      clearTimeout(waiting);
      newest.abort();
      if (words.trim()) waiting = setTimeout(() => void ask(words), SETTLE_MS) as unknown as number;
    },
    stop() {
      clearTimeout(waiting);
      newest.abort();
    },
  };
};
