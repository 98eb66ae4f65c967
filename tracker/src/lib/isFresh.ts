import type {Line} from '../types.js';

/**
 * The server recognises a repeated `messageId` for 48 hours. An event whose answer
 * was never heard may have been stored, so an older one is given up, not sent again.
 */
const KEPT_MS = 40 * 3_600_000;

/** True for the JSON of an event that is young enough to be sent again; false for anything else. */
export const isFresh = (line: Line, now: number = Date.now()): boolean => {
  try {
    return now - Date.parse((JSON.parse(line) as {timestamp: string}).timestamp) < KEPT_MS;
  } catch {
    return false;
  }
};
