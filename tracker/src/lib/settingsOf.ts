export interface Settings {
  /** The site's public key. */
  key: string;
  /** Where batches go. */
  endpoint: string;
  /** Page views are counted by the tracker itself. */
  automatic: boolean;
  /** Nothing is stored or sent before `truelift('consent', true)`. */
  consentFirst: boolean;
  /** `#/route` is part of a page's address. */
  hashRoutes: boolean;
}

/** Reads the script element's attributes; the host is the script's own unless `data-host` says another. */
export const settingsOf = ({src, dataset}: HTMLScriptElement): Settings => ({
  key: dataset.key ?? '',
  endpoint: `${(dataset.host ?? new URL(src).origin).replace(/\/$/, '')}${dataset.path ?? '/v1'}/batch`,
  automatic: dataset.pages !== 'manual',
  consentFirst: dataset.consent === 'first',
  hashRoutes: dataset.routes === 'hash',
});
