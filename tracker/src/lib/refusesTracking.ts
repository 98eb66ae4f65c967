/**
 * The visitor's browser says no: Global Privacy Control or Do-Not-Track. Then nothing
 * is stored and nothing is sent, and no setting of the site changes that.
 */
export const refusesTracking = (): boolean =>
  navigator.globalPrivacyControl === true || navigator.doNotTrack === '1' || window.doNotTrack === '1';
