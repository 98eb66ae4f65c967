/** Runs now, or once a prerendered page is really shown. A page nobody saw is not a page view. */
export const whenActivated = (run: () => void): void => {
  if (document.prerendering) document.addEventListener('prerenderingchange', run, {once: true});
  else run();
};
