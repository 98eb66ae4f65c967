import type {Line} from '../types.js';
import {SETTLED_MS, type Outbox} from './createOutbox.js';
import {isFresh} from './isFresh.js';
import {onHidden} from './onHidden.js';
import {post} from './post.js';
import {takeBatch} from './takeBatch.js';
import {waitBefore} from './waitBefore.js';

export interface Queue {
  /** Takes an event; `now` sends it at the end of this task instead of with others a second later. */
  add(line: Line, now: boolean): void;
  /** Begins to write to disk and to send; until then events wait in memory. */
  open(): void;
  /** Forgets what waits, here and on disk, and sends no more. */
  close(): void;
}

const MAX_WAITING = 500;
const COLLECT_MS = 1000;

/**
 * Sends events in batches, one request at a time, and keeps each on disk until the
 * server has acknowledged it: delivered at least once, and the server removes repeats.
 */
export const createQueue = (
  {key, endpoint}: {key: string; endpoint: string},
  outbox: Outbox,
): Queue => {
  const unsent = new Set<Line>();
  const flying = new Set<Line>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let opened = false;
  let saving = false;

  /** Once per task, since a page may track a hundred things in one loop. */
  const save = () => {
    if (saving) return;
    saving = true;
    queueMicrotask(() => {
      saving = false;
      if (opened) outbox.save(unsent, flying.size > 0);
    });
  };

  const plan = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = undefined;
      void flush();
    }, ms);
  };

  const flush = async (leaving?: boolean) => {
    // While the page goes away there is no time to wait for the request before.
    if (!opened || (flying.size > 0 && !leaving)) return;
    // A tab may wake up after days, and another page have sent these meanwhile.
    for (const line of unsent) if (!isFresh(line)) unsent.delete(line);
    const batch = takeBatch([...unsent].filter((line) => !flying.has(line)));
    if (batch.length === 0) return;
    for (const line of batch) flying.add(line);
    save();
    const waitMs = await post(
      endpoint,
      `{"batch":[${batch.join()}],"sentAt":"${new Date().toISOString()}","writeKey":${JSON.stringify(key)}}`,
      {leaving: leaving === true, wait: (retryAfter) => waitBefore(++failures, retryAfter)},
    );
    for (const line of batch) {
      flying.delete(line);
      if (!waitMs) unsent.delete(line);
    }
    if (!waitMs) failures = 0;
    save();
    if (unsent.size > 0) plan(waitMs);
  };

  const take = (lines: readonly Line[], ms: number) => {
    for (const line of lines) unsent.add(line);
    for (const oldest of unsent) {
      if (unsent.size <= MAX_WAITING) break;
      unsent.delete(oldest);
    }
    save();
    // After a failure the next attempt is planned already, and not to be brought forward.
    if (failures === 0 && (ms === 0 || timer === undefined)) plan(ms);
  };

  const adopt = () => {
    if (opened) take(outbox.adopt(), 0);
  };

  onHidden(() => flush(true));
  addEventListener('online', () => flush());

  return {
    add: (line, now) => take([line], now ? 0 : COLLECT_MS),
    open() {
      opened = true;
      adopt();
      setTimeout(adopt, SETTLED_MS + COLLECT_MS);
    },
    close() {
      opened = false;
      unsent.clear();
      outbox.adopt();
      outbox.save(unsent, false);
    },
  };
};
