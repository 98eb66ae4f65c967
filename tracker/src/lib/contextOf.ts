import type {TrackerEvent} from '../types.js';
import {campaignOf} from './campaignOf.js';

/** Where and with what an event happened, in Segment's words. */
export const contextOf = (referrer: string): TrackerEvent['context'] => {
  const {href: url, pathname: path, search} = location;
  const campaign = campaignOf(search);
  return {
    library: {name: 'truelift.js', version: '1'},
    page: {path, referrer, search, title: document.title, url},
    ...(campaign && {campaign}),
    userAgent: navigator.userAgent,
    locale: navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
};
