import {element} from '../lib/element.js';
import {matching} from './matching.js';
import {targets, type Target} from './targets.js';

const MOST = 12;

/** Opens the search as a modal dialog: type, choose with the arrows, Enter goes there. */
export const openPalette = (): void => {
  const all = targets();
  let found: Target[] = [];
  let chosen = 0;

  const list = element('ul', {id: 'palette-list', role: 'listbox', 'aria-label': 'Pages and experiments'});
  const none = element('p', {class: 'dim', role: 'status'});
  const input = element('input', {
    type: 'text',
    role: 'combobox',
    'aria-label': 'Search or jump to',
    'aria-autocomplete': 'list',
    'aria-expanded': 'true',
    'aria-controls': 'palette-list',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'Search or jump to',
  });
  const dialog = element('dialog', {class: 'palette', 'aria-label': 'Search'}, input, list, none);

  const mark = () => {
    [...list.children].forEach((item, index) => item.setAttribute('aria-selected', String(index === chosen)));
    const active = list.children[chosen];
    if (active) input.setAttribute('aria-activedescendant', active.id);
    else input.removeAttribute('aria-activedescendant');
    active?.scrollIntoView({block: 'nearest'});
  };
  const show = () => {
    found = matching(all, input.value).slice(0, MOST);
    chosen = 0;
    list.replaceChildren(...found.map(({label, group}, index) =>
      element('li', {id: `palette-${index}`, role: 'option'}, label, element('small', {}, group ? ` ${group}` : ''))));
    list.hidden = found.length === 0;
    none.textContent = found.length === 0 ? 'Nothing by that name. Try a page or an experiment.' : '';
    mark();
  };
  const go = (target: Target | undefined) => {
    if (!target) return;
    dialog.close();
    location.assign(target.href);
  };

  input.addEventListener('input', show);
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const step = event.key === 'ArrowDown' ? 1 : found.length - 1;
      chosen = found.length > 0 ? (chosen + step) % found.length : 0;
      mark();
    } else if (event.key === 'Enter') go(found[chosen]);
    else return;
    event.preventDefault();
  });
  list.addEventListener('click', (event) => {
    const item = (event.target as Element).closest('li');
    if (item) go(found[[...list.children].indexOf(item)]);
  });
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => dialog.remove());

  document.body.append(dialog);
  show();
  dialog.showModal();
};
