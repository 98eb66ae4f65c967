import type {Line} from '../types.js';

/** Browsers let keepalive requests and beacons of one page carry 64 KiB together; the envelope needs some of it. */
export const MAX_BATCH_BYTES = 60_000;

const bytesOf = (line: Line): number => new Blob([line]).size;

/** The oldest lines that fit into one request; always one, since a line that is too long is the server's to refuse. */
export const takeBatch = (lines: Iterable<Line>, maxBytes: number = MAX_BATCH_BYTES): Line[] => {
  const batch: Line[] = [];
  let bytes = 0;
  for (const line of lines) {
    bytes += bytesOf(line) + 1;
    if (bytes > maxBytes && batch.length > 0) break;
    batch.push(line);
  }
  return batch;
};
