/**
 * `<time-left until="2026-11-24T08:50:00Z">12 minutes of 20 left</time-left>`: counts down
 * to the second. Without a script it says how it was when the page was made. It is no live
 * region: nobody wants to hear every second.
 */
export class TimeLeft extends HTMLElement {
  private timer = 0;

  connectedCallback(): void {
    const until = Date.parse(this.getAttribute('until') ?? '');
    if (Number.isNaN(until)) return;
    const show = (): void => {
      const seconds = Math.round((until - Date.now()) / 1000);
      const left = Math.abs(seconds);
      const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`;
      this.textContent = seconds >= 0 ? `${clock} left` : `${clock} over`;
    };
    show();
    this.timer = window.setInterval(show, 1000);
  }

  disconnectedCallback(): void {
    window.clearInterval(this.timer);
  }
}
