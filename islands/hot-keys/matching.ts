import type {Target} from './targets.js';

/** Those in which every word of the query begins some word of label or group, in the given order. */
export const matching = (all: readonly Target[], query: string): Target[] => {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter(({label, group}) => {
    const text = ` ${label} ${group}`.toLowerCase();
    return words.every((word) => text.includes(` ${word}`) || (word.length > 2 && text.includes(word)));
  });
};
