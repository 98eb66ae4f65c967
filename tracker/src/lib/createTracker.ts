import type {Properties, TrackerEvent} from '../types.js';
import {addressOf} from './addressOf.js';
import {contextOf} from './contextOf.js';
import type {Queue} from './createQueue.js';
import type {Visitor} from './createVisitor.js';
import {randomId} from './randomId.js';
import type {Settings} from './settingsOf.js';

/** What `truelift(command, …)` can be asked. */
export interface Tracker {
  page(properties?: Properties): void;
  track(name: string, properties?: Properties): void;
  identify(userId: string, traits?: Properties): void;
  consent(given: boolean): void;
  reset(): void;
  /** A page view, if the address is another than at the last one. */
  moved(): void;
}

/** Turns calls into events. Waits, sends or stays silent as the visitor has decided. */
export const createTracker = (settings: Settings, visitor: Visitor, queue: Queue): Tracker => {
  let userId: string | undefined;
  let address = '';
  let referrer = document.referrer;

  const add = (type: TrackerEvent['type'], more: Partial<TrackerEvent>) => {
    if (visitor.refused()) return;
    const event: TrackerEvent = {
      type,
      messageId: randomId(),
      timestamp: new Date().toISOString(),
      anonymousId: visitor.id(),
      ...(userId && {userId}),
      ...more,
      context: contextOf(referrer),
    };
    queue.add(JSON.stringify(event), type === 'page');
  };

  const tracker: Tracker = {
    page(properties = {}) {
      const next = addressOf(location.href, settings.hashRoutes);
      // Without this, every view of an application that never reloads would look like an arrival.
      if (address && address !== next) referrer = address;
      address = next;
      add('page', {properties});
    },
    moved() {
      if (addressOf(location.href, settings.hashRoutes) !== address) tracker.page();
    },
    track(name, properties = {}) {
      add('track', {event: `${name}`, properties});
    },
    identify(id, traits = {}) {
      if (!id) return;
      userId = `${id}`;
      add('identify', {traits});
    },
    consent(given) {
      if (!given) {
        visitor.refuse();
        queue.close();
        return;
      }
      const late = visitor.refused();
      if (late) visitor.renew();
      visitor.keep();
      queue.open();
      if (late && settings.automatic) tracker.page();
    },
    reset() {
      userId = undefined;
      visitor.renew();
    },
  };
  return tracker;
};
