/** What the tracker sends, in Segment's words, and what a page may call. */

export type Properties = Readonly<Record<string, unknown>>;

export interface Campaign {
  source?: string;
  medium?: string;
  name?: string;
  term?: string;
  content?: string;
}

export interface TrackerEvent {
  type: 'page' | 'track' | 'identify';
  /** The server keeps one of those that carry the same, so sending twice is safe. */
  messageId: string;
  timestamp: string;
  anonymousId: string;
  userId?: string;
  event?: string;
  properties?: Properties;
  traits?: Properties;
  context: {
    library: {name: string; version: string};
    page: {path: string; referrer: string; search: string; title: string; url: string};
    campaign?: Campaign;
    locale: string;
    timezone?: string;
  };
}

/** An event as JSON: serialised once, when it happens, so that a later change of a caller's object cannot change it. */
export type Line = string;

/** `truelift('track', 'Sign-up', {plan: 'pro'})`; before the script has loaded, calls wait in `q`. */
export interface PublicFunction {
  (...call: unknown[]): void;
  q?: {push(call: ArrayLike<unknown>): unknown};
  /** Set by the first tracker on the page; a second one leaves it alone. */
  on?: boolean;
}

declare global {
  interface Window {
    truelift?: PublicFunction;
    doNotTrack?: string | null;
    /** https://developer.mozilla.org/docs/Web/API/Navigation_API, not in every browser. */
    navigation?: EventTarget;
  }
  interface Navigator {
    /** https://www.w3.org/TR/gpc/ */
    globalPrivacyControl?: boolean;
  }
  interface Document {
    /** https://developer.mozilla.org/docs/Web/API/Document/prerendering, not in every browser. */
    prerendering?: boolean;
  }
}
