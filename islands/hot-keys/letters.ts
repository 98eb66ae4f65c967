const NAME = 'truelift:letters';

/** Whether single letters are keys; a person who dictates or mistypes can turn them off (WCAG 2.1.4). */
export const lettersOn = (): boolean => {
  try {
    return localStorage.getItem(NAME) !== 'off';
  } catch {
    return true;
  }
};

/** Remembers the person's choice in this browser. */
export const setLetters = (on: boolean): void => {
  try {
    localStorage.setItem(NAME, on ? 'on' : 'off');
  } catch {
    // Without storage the choice cannot be kept; the checkbox will show that.
  }
};
