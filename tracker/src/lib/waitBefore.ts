/** Nobody is helped by a page that asks again later than this. */
const LONGEST_MS = 300_000;

/**
 * Milliseconds before the next attempt: what `Retry-After` says (seconds; the date
 * form counts as absent), else 1, 2, 4 … seconds with up to half of it shaved off, so
 * that a thousand pages do not come back at once.
 */
export const waitBefore = (
  failures: number,
  retryAfter: string | null | undefined,
  random: () => number = Math.random,
): number =>
  Math.min(Number(retryAfter) * 1000 || 2 ** Math.min(failures, 9) * 500 * (1 - random() / 2), LONGEST_MS);
