// Arrow keys in a group of which one is chosen: radio buttons, tabs.
import {wrap} from './values.js';

const STEPS = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};

/** Which of `length` a key leads to from `at`; null where it is another key. */
export function turn(key, at, length) {
  if (key === 'Home') return 0;
  if (key === 'End') return length - 1;
  return key in STEPS ? wrap(at + STEPS[key], length) : null;
}

/** Arrow keys, Home and End in `group` go to another of its buttons, which is chosen by that; `all()` are those. */
export function turned(group, all, choose) {
  group.addEventListener('keydown', (event) => {
    const buttons = all();
    const next = turn(event.key, buttons.indexOf(document.activeElement), buttons.length);
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    choose(buttons[next]);
    buttons[next].focus();
  });
}
