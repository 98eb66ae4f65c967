/** No answer within this time counts as a failure, so that one lost request cannot stop the queue. */
const PATIENCE_MS = 60_000;

/** Browsers refuse a keepalive request above 64 KiB. */
const KEEPALIVE_BYTES = 65_000;

/**
 * Posts a batch as `text/plain`, which needs no preflight, and answers with the
 * milliseconds to wait before trying again, 0 where there is nothing to try again.
 * Keepalive lets a request outlive its page; a browser without it gets `sendBeacon`
 * while the page is going away.
 */
export const post = async (
  url: string,
  body: string,
  {leaving, wait}: {leaving: boolean; wait: (retryAfter?: string | null) => number},
): Promise<number> => {
  try {
    if (leaving && !('keepalive' in Request.prototype) && navigator.sendBeacon(url, body)) return 0;
    const answer = await fetch(url, {
      method: 'POST',
      body,
      credentials: 'omit',
      keepalive: new Blob([body]).size < KEEPALIVE_BYTES,
      signal: AbortSignal.timeout?.(PATIENCE_MS) ?? null,
    });
    // Until its answer is read, a request holds its part of the 64 KiB that keepalive may carry.
    await answer.text();
    return answer.status === 429 || answer.status >= 500 ? wait(answer.headers.get('Retry-After')) : 0;
  } catch {
    return wait();
  }
};
