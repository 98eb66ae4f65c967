/** What every page of the application may use: keys and search, the theme, copying. */
import {CopyText} from './copy-text/CopyText.js';
import {HotKeys} from './hot-keys/HotKeys.js';
import {ThemeSwitch} from './theme-switch/ThemeSwitch.js';

customElements.define('copy-text', CopyText);
customElements.define('hot-keys', HotKeys);
customElements.define('theme-switch', ThemeSwitch);
