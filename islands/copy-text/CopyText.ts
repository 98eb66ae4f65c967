/**
 * `<copy-text for="snippet"><button type="button" hidden>Copy</button></copy-text>`:
 * copies the text (or value) of the element with that id. The button is hidden until
 * this runs, since without a script it could do nothing.
 */
export class CopyText extends HTMLElement {
  connectedCallback(): void {
    const button = this.querySelector('button');
    if (!button || !navigator.clipboard) return;
    const status = this.querySelector('[role="status"]') ?? this.appendChild(document.createElement('span'));
    status.setAttribute('role', 'status');
    status.classList.add('hidden-visually');
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const source = document.getElementById(this.getAttribute('for') ?? '');
      if (!source) return;
      const text = source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement
        ? source.value
        : (source.textContent ?? '').trim();
      try {
        await navigator.clipboard.writeText(text);
        status.textContent = button.textContent = 'Copied';
      } catch {
        // Without the permission the person can still copy what is selected.
        getSelection()?.selectAllChildren(source);
        status.textContent = 'Selected; copy it with Ctrl C';
      }
      setTimeout(() => {
        button.textContent = label;
        status.textContent = '';
      }, 2000);
    });
  }
}
