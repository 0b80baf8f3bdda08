// Prompts used before, to pick from: a list with a search box that keys alone can use.
// Refuses to know: where they are kept; `ask()` gives [{prompt, negative}, …], newest first.
import {el} from '../core/dom.js';
import {iconButton} from '../core/icons.js';
import {opens, place} from '../core/menu.js';
import {matching, stepped} from './prompt_list.js';

const SHOWN = 60;
const NONE = 'No prompt like this yet: each one is kept when images are generated.';

/** The button with its list. `pick(pair)` and `forget(pair)` do what is chosen. */
export function historyButton(button, ask, {pick, forget}) {
  let pairs = [];
  const search = el('input.cs-input', {type: 'search', placeholder: 'Search', 'aria-label': 'Search earlier prompts'});
  const list = el('ul.pt-list', {'aria-label': 'Earlier prompts'});
  const panel = el('div.cs-menu.pt-panel', {popover: 'auto', role: 'dialog', 'aria-label': 'Earlier prompts'});
  panel.append(search, list);
  const rows = () => [...list.querySelectorAll('.pt-pick')];

  function row(pair) {
    const choose = () => {
      panel.hidePopover();
      pick(pair);
    };
    const drop = async () => {
      await forget(pair);
      pairs = pairs.filter((one) => one !== pair);
      paint();
      search.focus();
    };
    const words = [
      el('span', {}, pair.prompt),
      pair.negative && el('small.cs-muted', {}, `Negative prompt: ${pair.negative}`),
    ];
    const open = el('button.pt-pick', {type: 'button', title: pair.prompt, onclick: choose}, words);
    open.addEventListener('keydown', (event) => {
      if (event.key === 'Delete') drop();
    });
    return el('li', {}, open, iconButton('close', `Forget “${pair.prompt.slice(0, 40)}”`, drop));
  }
  function paint() {
    const found = matching(pairs, search.value).slice(0, SHOWN);
    list.replaceChildren(...found.map(row));
    if (!found.length) list.append(el('li.cs-small.cs-muted', {}, NONE));
  }
  search.addEventListener('input', paint);
  panel.addEventListener('keydown', (event) => {
    const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (event.key === 'Enter' && event.target === search) rows()[0]?.click();
    if (!by || !rows().length) return;
    event.preventDefault();
    event.stopPropagation();
    const at = rows().indexOf(document.activeElement);
    (rows()[at + by] || (by < 0 ? search : rows()[0])).focus();
  });
  button.setAttribute('aria-haspopup', 'dialog');
  opens(button, panel, async () => {
    pairs = (await ask()) || [];
    search.value = '';
    paint();
    panel.showPopover();
    place(panel, button);
    search.focus();
  });
  return el('span', {}, button, panel);
}

/** Alt + arrow up and down in the text box `box()` go back and forth through the prompts used before. */
export function stepThrough(box, ask, pick) {
  let at = -1;
  let own = ''; // what was written before going back
  document.addEventListener('keydown', async (event) => {
    const by = {ArrowUp: 1, ArrowDown: -1}[event.key];
    if (!by || !event.altKey || event.target !== box()) return;
    event.preventDefault();
    if (at < 0) own = event.target.value;
    const pairs = (await ask()) || [];
    at = stepped(at, by, pairs.length);
    pick(at < 0 ? {prompt: own} : pairs[at]);
  });
  document.addEventListener('input', (event) => {
    if (event.isTrusted && event.target === box()) at = -1;
  });
}
