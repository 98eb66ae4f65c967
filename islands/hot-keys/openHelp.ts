import {element} from '../lib/element.js';
import {lettersOn, setLetters} from './letters.js';

const KEYS: readonly (readonly [keys: readonly string[], does: string])[] = [
  [['Ctrl K'], 'Search or jump'],
  [['g', '1 … 4'], 'Go to one of the four questions'],
  [['g', 'h'], 'Home'],
  [['g', 'i'], 'Inbox'],
  [['g', 'r'], 'Roadmap'],
  [['j', 'k'], 'Next and previous row'],
  [['x'], 'Choose the row'],
  [['Enter'], 'Open it'],
  [['?'], 'These keys'],
];

/** Lists the keys, and lets a person turn the single-letter ones off. */
export const openHelp = (): void => {
  // Only the places that the rail of this page has.
  const there = ([[first, then]]: (typeof KEYS)[number]): boolean =>
    first !== 'g' || then?.length !== 1 || document.querySelector(`[data-goto="${then}"]`) !== null;
  const rows = KEYS.filter(there).flatMap(([keys, does]) => [
    element('dt', {}, ...keys.flatMap((key) => [element('kbd', {}, key), ' '])),
    element('dd', {}, does),
  ]);
  const box = element('input', {type: 'checkbox'});
  box.checked = lettersOn();
  box.addEventListener('change', () => {
    setLetters(box.checked);
    box.checked = lettersOn();
  });
  const close = element('button', {type: 'button', class: 'btn'}, 'Close');
  const dialog = element(
    'dialog',
    {class: 'palette', 'aria-labelledby': 'keys-title'},
    element('h2', {id: 'keys-title'}, 'Keys'),
    element('dl', {class: 'kv'}, ...rows),
    element('p', {}, element('label', {}, box, ' Use single-letter keys (Ctrl K always works)')),
    close,
  );
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
};
