// The switch at the top of the Generate tab: images, a grid, or the gallery. Owns: which of them is
// shown, remembered for this tab of the browser. Refuses to know: what they show.
import {hear, tell} from '../core/channel.js';
import {el} from '../core/dom.js';
import {recall, remember} from '../core/memory.js';

const MODES = [
  ['images', 'Images'],
  ['grid', 'Grid'],
  ['gallery', 'Gallery'],
];
const KEPT = 'studio:generate-mode';

export function mount({element}) {
  const area = element.closest('.gen-modes');
  const button = ([mode, title]) =>
    el('button.cs-button', {type: 'button', role: 'radio', 'data-mode': mode, onclick: () => show(mode)}, title);
  const buttons = MODES.map(button);
  const group = el('div.cm-modes', {role: 'radiogroup', 'aria-label': 'What to do'}, buttons);

  function show(mode) {
    const known = MODES.some(([name]) => name === mode) ? mode : 'images';
    area.dataset.mode = known;
    remember('tab', KEPT, known);
    for (const one of buttons) {
      const on = one.dataset.mode === known;
      one.classList.toggle('is-on', on);
      one.setAttribute('aria-checked', String(on));
      one.tabIndex = on ? 0 : -1;
    }
    tell('studio:mode-shown', known);
  }
  group.addEventListener('keydown', (event) => {
    const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!by) return;
    event.preventDefault();
    const next = buttons[(buttons.indexOf(document.activeElement) + by + buttons.length) % buttons.length];
    show(next.dataset.mode);
    next.focus();
  });
  element.querySelector('.gm').replaceChildren(group);
  hear(element, 'studio:mode', show);
  show(recall('tab', KEPT));
}
