/**
 * Calls after the address may have changed without a page load. The Navigation API
 * tells of every such change; where it is missing, `history` is wrapped.
 */
export const onNavigation = (changed: () => void): void => {
  if (window.navigation) {
    window.navigation.addEventListener('currententrychange', changed);
    return;
  }
  for (const name of ['pushState', 'replaceState'] as const) {
    const original = history[name];
    history[name] = function (...call) {
      original.apply(this, call);
      changed();
    };
  }
  addEventListener('popstate', changed);
};
