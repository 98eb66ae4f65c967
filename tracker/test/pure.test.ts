import assert from 'node:assert/strict';
import {test} from 'node:test';

import {addressOf} from '../src/lib/addressOf.js';
import {campaignOf} from '../src/lib/campaignOf.js';
import {isFresh} from '../src/lib/isFresh.js';
import {randomId} from '../src/lib/randomId.js';
import {MAX_BATCH_BYTES, takeBatch} from '../src/lib/takeBatch.js';
import {waitBefore} from '../src/lib/waitBefore.js';

const NOON = Date.UTC(2026, 4, 4, 12);
const HOUR_MS = 3_600_000;
const eventAt = (ms: number) => JSON.stringify({timestamp: new Date(ms).toISOString()});

test('campaign parameters take the names that Segment gives them', () => {
  assert.deepEqual(campaignOf('?utm_source=news&utm_campaign=may&utm_content=a&utm_id=7&q=1'), {
    source: 'news',
    name: 'may',
    content: 'a',
  });
});

test('an address without campaign parameters has no campaign', () => {
  assert.equal(campaignOf('?q=utm_source&utm_source='), undefined);
});

test('the server decides how long to wait when it says so, up to five minutes', () => {
  assert.equal(waitBefore(1, '7'), 7000);
  assert.equal(waitBefore(1, '86400'), 300_000);
});

test('waits double, stay within five minutes, and are spread by up to half', () => {
  const longest = (failures: number) => waitBefore(failures, undefined, () => 0);

  assert.deepEqual([1, 2, 3, 9, 60].map(longest), [1000, 2000, 4000, 256_000, 256_000]);
  assert.equal(waitBefore(3, undefined, () => 1), 2000);
  assert.equal(waitBefore(1, 'Wed, 21 Oct 2026 07:28:00 GMT', () => 0), 1000);
});

test('a batch stays below what a keepalive request may carry, counted in bytes', () => {
  const line = 'ü'.repeat(10_000);

  const batch = takeBatch([line, line, line, line]);

  assert.equal(batch.length, 2);
  assert.ok(new Blob([batch.join()]).size <= MAX_BATCH_BYTES);
});

test('an event too long for any batch travels alone, so that it cannot block the others', () => {
  assert.deepEqual(takeBatch(['xxxxx', 'y'], 3), ['xxxxx']);
});

test('an event older than the server can recognise is not sent again', () => {
  assert.equal(isFresh(eventAt(NOON - 39 * HOUR_MS), NOON), true);
  assert.equal(isFresh(eventAt(NOON - 41 * HOUR_MS), NOON), false);
});

test('what is not an event is never fresh', () => {
  for (const line of ['', '{', '7', 'null', '{"timestamp":"soon"}', '"x"}'])
    assert.equal(isFresh(line, NOON), false, line);
});

test('a fragment is part of the address only on sites that route by it', () => {
  assert.equal(addressOf('https://shop.example/a?b#c', false), 'https://shop.example/a?b');
  assert.equal(addressOf('https://shop.example/a?b#c', true), 'https://shop.example/a?b#c');
});

test('ids do not repeat', () => {
  const ids = new Set(Array.from({length: 10_000}, randomId));

  assert.equal(ids.size, 10_000);
});
