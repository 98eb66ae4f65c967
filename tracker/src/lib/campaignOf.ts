import type {Campaign} from '../types.js';

/** The UTM parameters of a query string, by Segment's names (`campaign` is called `name`); undefined without any. */
export const campaignOf = (search: string): Campaign | undefined => {
  const campaign: Record<string, string> = {};
  new URLSearchParams(search).forEach((value, key) => {
    const name = /^utm_(source|medium|campaign|term|content)$/.exec(key)?.[1];
    if (name && value) campaign[name === 'campaign' ? 'name' : name] = value;
  });
  return Object.keys(campaign).length > 0 ? campaign : undefined;
};
