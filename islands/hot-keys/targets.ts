/** Somewhere to go: a page of the rail, or something of this site that the page names. */
export interface Target {
  label: string;
  href: string;
  group: string;
  /** Something of this site, not a page of the rail. */
  named?: boolean;
}

/** Whether something that came as JSON is a place on this host. */
export const isTarget = (item: unknown): item is Target =>
  typeof item === 'object' && item !== null && 'label' in item && 'href' in item
  && typeof item.label === 'string' && typeof item.href === 'string' && /^\/(?!\/)/.test(item.href);

/** The label without the count that waits beside it. */
const labelOf = (link: HTMLAnchorElement): string => {
  const copy = link.cloneNode(true) as HTMLAnchorElement;
  for (const count of copy.querySelectorAll('.count')) count.remove();
  return (copy.textContent ?? '').trim();
};

/**
 * The rail's links, then the items of `<script type="application/json" id="jump-items">`
 * (`[{"label", "href", "group"}]`; only paths of this host).
 */
export const targets = (): Target[] => {
  const rail = [...document.querySelectorAll<HTMLAnchorElement>('.rail li a[href]')].map((link) => ({
    label: labelOf(link),
    href: link.href,
    group: link.closest('div, footer')?.querySelector('h2')?.textContent ?? '',
  }));
  let named: Target[] = [];
  try {
    const items: unknown = JSON.parse(document.getElementById('jump-items')?.textContent || '[]');
    if (Array.isArray(items)) {
      named = items.filter(isTarget).map(({label, href, group}) => ({label, href, group: group || 'This site', named: true}));
    }
  } catch {
    // A page with broken data can still jump along its rail.
  }
  return [...rail, ...named];
};
