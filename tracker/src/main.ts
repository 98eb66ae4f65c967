/**
 * The tracker: page views by itself, everything else by `truelift('track', …)`.
 *
 *   <script async src="https://truelift.example/t.js" data-key="…"></script>
 *
 * This file says what happens and in which order; each step is a file of `lib/`.
 */
import {attempt} from './lib/attempt.js';
import {createOutbox} from './lib/createOutbox.js';
import {createQueue} from './lib/createQueue.js';
import {createTracker} from './lib/createTracker.js';
import {createVisitor} from './lib/createVisitor.js';
import {onNavigation} from './lib/onNavigation.js';
import {refusesTracking} from './lib/refusesTracking.js';
import {settingsOf} from './lib/settingsOf.js';
import {whenActivated} from './lib/whenActivated.js';
import type {Tracker} from './lib/createTracker.js';
import type {PublicFunction} from './types.js';

const start = (script: HTMLScriptElement): void => {
  const settings = settingsOf(script);
  const visitor = createVisitor();
  const waiting = (window.truelift?.q ?? []) as ArrayLike<unknown>[];

  if (refusesTracking()) {
    visitor.forget();
    createOutbox(settings.key).forget();
    window.truelift = Object.assign(() => undefined, {on: true});
    return;
  }

  const tracker = createTracker(settings, visitor, createQueue(settings, createOutbox(settings.key)));
  const run = (call: ArrayLike<unknown>): void => {
    try {
      const [command, ...rest] = Array.from(call) as [keyof Tracker, ...never[]];
      (tracker[command] as (...rest: never[]) => void)(...rest);
    } catch (error) {
      console.warn('truelift', call[0], error);
    }
  };
  // Whoever kept the stub from before still pushes to `q`.
  window.truelift = Object.assign((...call: unknown[]) => run(call), {on: true, q: {push: run}});

  if (!settings.consentFirst && !visitor.refused()) tracker.consent(true);
  if (settings.automatic) {
    run(['page']);
    onNavigation(() => attempt(tracker.moved));
    addEventListener('pageshow', ({persisted}) => persisted && run(['page']));
  }
  Array.from(waiting, run);
};

attempt(() => {
  const script = (document.currentScript ?? document.querySelector('script[data-key]')) as HTMLScriptElement | null;
  if (!script?.dataset.key || !location.protocol.startsWith('http') || window.truelift?.on) return;
  window.truelift ??= function (...call) {
    (window.truelift as PublicFunction).q?.push(call);
  };
  const stub = window.truelift;
  stub.q ??= [];
  stub.on = true;
  whenActivated(() => attempt(() => start(script)));
});
