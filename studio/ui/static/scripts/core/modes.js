// The switch at the top of a tab: which of its modes is shown. Owns: the choice, remembered for this
// tab of the browser, and saying so. Refuses to know: what the modes show; the area around the switch
// (`.cs-modes`) carries the choice in `data-mode`, and the tab's style sheet hides the others.
import {hear, tell} from './channel.js';
import {el} from './dom.js';
import {recall, remember} from './memory.js';
import {turned} from './turning.js';

/** `props.area` names the tab, `props.modes` are [name, title] pairs, the usual one first.
 *  `tell('studio:mode', {area, mode})` chooses one; `studio:mode-shown` says the same of what was chosen. */
export function mount({element, props}) {
  const {area, modes} = props;
  const around = element.closest('.cs-modes');
  const kept = `studio:${area}-mode`;
  const button = ([mode, title]) =>
    el('button.cs-button', {type: 'button', role: 'radio', 'data-mode': mode, onclick: () => show(mode)}, title);
  const buttons = modes.map(button);
  const group = el('div.cm-modes', {role: 'radiogroup', 'aria-label': 'What to do'}, buttons);

  function show(mode) {
    const known = modes.some(([name]) => name === mode) ? mode : modes[0][0];
    around.dataset.mode = known;
    remember('tab', kept, known);
    for (const one of buttons) {
      const on = one.dataset.mode === known;
      one.classList.toggle('is-on', on);
      one.setAttribute('aria-checked', String(on));
      one.tabIndex = on ? 0 : -1;
    }
    tell('studio:mode-shown', {area, mode: known});
  }
  turned(
    group,
    () => buttons,
    (next) => show(next.dataset.mode),
  );
  if (modes.length > 1) element.querySelector('.gm').replaceChildren(group);
  hear(element, 'studio:mode', (asked) => {
    if (asked.area === area) show(asked.mode);
  });
  show(recall('tab', kept));
}
