// A button that opens a list of actions.
import {el} from './dom.js';
import {iconButton} from './icons.js';

const EDGE = 8; // pixels that stay free at the window's sides

/** Puts an open popover below the button that opened it, or above where there is no room. */
export function place(list, button) {
  const box = button.getBoundingClientRect();
  const own = list.getBoundingClientRect();
  const fits = box.bottom + own.height + EDGE <= innerHeight;
  const left = Math.min(box.right - own.width, innerWidth - own.width - EDGE);
  list.style.left = `${Math.max(EDGE, left)}px`;
  list.style.top = `${fits ? box.bottom + 4 : Math.max(EDGE, box.top - own.height - 4)}px`;
}

/** A click on `button` runs `open()`, which shows the popover `panel`, or closes it where it is open. */
export function opens(button, panel, open) {
  let before = false; // a press beside a popover has closed it by the time of the click
  button.addEventListener('pointerdown', () => {
    before = panel.matches(':popover-open');
  });
  button.addEventListener('click', () => {
    const close = before;
    before = false;
    if (!close) open();
  });
  panel.addEventListener('toggle', ({newState}) => button.setAttribute('aria-expanded', String(newState === 'open')));
  button.setAttribute('aria-expanded', 'false');
}

/** `entries()` → [[label, action], …], or a promise of it, is asked each time the menu opens. */
export function menuButton(label, entries) {
  const list = el('div.cs-menu', {role: 'menu', popover: 'auto'});
  list.addEventListener('keydown', (event) => {
    const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (!by) return;
    const all = [...list.children];
    event.preventDefault();
    event.stopPropagation();
    all[(all.indexOf(document.activeElement) + by + all.length) % all.length].focus();
  });
  const item = ([text, action]) => {
    const onclick = () => {
      list.hidePopover();
      action();
    };
    return el('button', {type: 'button', role: 'menuitem', onclick}, text);
  };
  const button = iconButton('more', label, null);
  opens(button, list, async () => {
    list.replaceChildren(...(await entries()).map(item));
    list.showPopover();
    place(list, button);
    list.firstChild?.focus();
  });
  button.setAttribute('aria-haspopup', 'menu');
  return el('span', {}, button, list);
}
