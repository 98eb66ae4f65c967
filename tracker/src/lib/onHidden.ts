/**
 * Calls whenever the page is hidden. On phones `visibilitychange` is the last thing a
 * page is sure to hear; older Safari leaves by `pagehide` without it. No `unload`: a
 * listener for it would shut the page out of the back-forward cache.
 */
export const onHidden = (run: () => void): void => {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') run();
  });
  addEventListener('pagehide', run);
};
