import {paint} from './paint.js';

/** Pixels of the picture per pixel of the page: sharp on slides and in print. */
const SCALE = 2;

/**
 * `<png-picture for="fig-trend" name="shop-trend"><button type="button" hidden>…</button></png-picture>`:
 * saves the figure with that id as a picture, with its sentence, its units and its source,
 * in the theme that the page has. The button is hidden until this runs.
 */
export class PngPicture extends HTMLElement {
  connectedCallback(): void {
    const button = this.querySelector('button');
    if (!button) return;
    button.hidden = false;
    button.addEventListener('click', () => void this.#save(button));
  }

  async #save(button: HTMLButtonElement): Promise<void> {
    const figure = document.getElementById(this.getAttribute('for') ?? '');
    if (!figure) return;
    button.disabled = true;
    try {
      const canvas = await paint(figure, SCALE);
      const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
      if (!blob) return;
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = `${this.getAttribute('name') ?? 'drawing'}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    } finally {
      button.disabled = false;
      button.focus();
    }
  }
}
