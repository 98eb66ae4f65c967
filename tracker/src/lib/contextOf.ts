import type {TrackerEvent} from '../types.js';
import {campaignOf} from './campaignOf.js';

/** Where an event happened, in Segment's words. The user agent is in the request's own header. */
export const contextOf = (referrer: string): TrackerEvent['context'] => {
  const {href: url, pathname: path, search} = location;
  const campaign = campaignOf(search);
  return {
    library: {name: 'truelift.js', version: '1'},
    page: {path, referrer, search, title: document.title, url},
    ...(campaign && {campaign}),
    locale: navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
};
