// Light ⇄ dark, remembered in this browser; colours of the style sheet for what is not styled by it.
import {pageRoot} from './dom.js';
import {recall, remember} from './memory.js';

const MEMORY = 'cs-theme';

export function setTheme(mode) {
  document.body.classList.toggle('dark', mode === 'dark');
  document.documentElement.style.colorScheme = mode;
  remember('browser', MEMORY, mode);
  globalThis.dispatchEvent(new CustomEvent('cs:theme'));
}

export function restoreTheme() {
  const mode = new URLSearchParams(location.search).get('__theme') || recall('browser', MEMORY);
  if (mode === 'dark' || mode === 'light') setTheme(mode);
}

/** The value of a CSS variable as it is now. */
export function cssColour(name) {
  const of = (node) => getComputedStyle(node).getPropertyValue(name).trim();
  return of(pageRoot()) || of(document.body);
}
