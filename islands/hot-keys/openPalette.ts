import {element} from '../lib/element.js';
import {matching} from './matching.js';
import {serverSearch} from './search.js';
import {targets, type Target} from './targets.js';

const MOST = 12;

/**
 * Opens the search as a modal dialog: type, choose with the arrows, Enter goes there. What the page
 * names is found at once; `.jump[data-search]` says where the server finds everything else.
 */
export const openPalette = (): void => {
  const all = targets();
  const address = document.querySelector<HTMLElement>('.jump[data-search]')?.dataset['search'] ?? '';
  let found: Target[] = [];
  let chosen = 0;

  const list = element('ul', {id: 'palette-list', role: 'listbox', 'aria-label': 'Pages and items'});
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
  const show = (more: readonly Target[] = []) => {
    const here = matching(all, input.value);
    // A page of the rail first, then what the server found best, then what this page names.
    const pages = here.filter(({named}) => !named);
    const seen = new Set<string>();
    const same = ({href}: Target) => new URL(href, location.href).href;
    const kept = chosen > 0 ? found[chosen] : undefined;
    found = [...pages, ...more, ...here]
      .filter((target) => !seen.has(same(target)) && seen.add(same(target)))
      .slice(0, MOST);
    // An answer that comes late does not move what is chosen already.
    const at = more.length > 0 && kept ? found.findIndex((target) => same(target) === same(kept)) : 0;
    chosen = Math.max(0, at);
    list.replaceChildren(...found.map(({label, group}, index) =>
      element('li', {id: `palette-${index}`, role: 'option'}, label, element('small', {}, group ? ` ${group}` : ''))));
    list.hidden = found.length === 0;
    none.textContent = found.length === 0 ? 'Nothing by that name. Try a page, a key such as H-12, or a word of a title.' : '';
    mark();
  };
  const go = (target: Target | undefined) => {
    if (!target) return;
    dialog.close();
    location.assign(target.href);
  };

  const server = serverSearch(address, (items) => show(items));
  input.addEventListener('input', () => {
    show();
    if (address) server.ask(input.value);
  });
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
  dialog.addEventListener('close', () => {
    server.stop();
    dialog.remove();
  });

  document.body.append(dialog);
  show();
  dialog.showModal();
};
