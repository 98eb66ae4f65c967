/**
 * Calls, and answers undefined where the call throws. Storage, cookies and hosts'
 * patched globals throw in ways that nobody can list, and a tracker must not break its page.
 */
export const attempt = <T>(call: () => T): T | undefined => {
  try {
    return call();
  } catch {
    return undefined;
  }
};
