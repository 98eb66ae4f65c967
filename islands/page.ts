/** What every page of the application may use: keys and search, the theme, copying, a clock. */
import {CopyText} from './copy-text/CopyText.js';
import {HotKeys} from './hot-keys/HotKeys.js';
import {ThemeSwitch} from './theme-switch/ThemeSwitch.js';
import {TimeLeft} from './time-left/TimeLeft.js';

customElements.define('copy-text', CopyText);
customElements.define('hot-keys', HotKeys);
customElements.define('theme-switch', ThemeSwitch);
customElements.define('time-left', TimeLeft);
