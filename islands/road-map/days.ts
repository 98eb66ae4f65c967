const DAY_MS = 86_400_000;

/** Gives the day so many days after `iso` (`2026-11-20`); a day has no zone and no summer time. */
export const shifted = (iso: string, by: number): string =>
  new Date(Date.parse(`${iso}T00:00:00Z`) + by * DAY_MS).toISOString().slice(0, 10);

/** Gives the days from one day to another. */
export const between = (from: string, to: string): number =>
  Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / DAY_MS);

const written = new Intl.DateTimeFormat('en-GB', {weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC'});

/** Says a day as the page does: Fri 20 Nov. */
export const said = (iso: string): string => written.format(Date.parse(`${iso}T00:00:00Z`)).replace(',', '');

/** Says the days of an item; the last that counts, not the one after. */
export const spanSaid = (start: string, end: string | null): string => {
  if (!end) return `from ${said(start)}`;
  const last = shifted(end, -1);
  return last <= start ? said(start) : `${said(start)} to ${said(last)}`;
};
