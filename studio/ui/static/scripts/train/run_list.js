// The list of all runs; two of them can be chosen to see how they differ.
// Owns: the list and what is chosen in it. Refuses to know: the server (callbacks are handed in).
import {el} from '../core/dom.js';
import {formatTime} from '../core/format.js';
import {icon} from '../core/icons.js';
import {badge, methodTitle} from './run_states.js';

const HINTS = [
  'Tick two to see how they differ.',
  'Choose one more to see how they differ.',
  'How they differ is shown below.',
];
const CHECK_TITLE = 'Choose two runs to see how they differ';

/** {node, update, clear}; `open(run)` shows one, `compare([a, b])` their difference, `compare(null)` none. */
export function runList(open, compare) {
  const list = el('div.cs-run-list', {role: 'list'});
  const count = el('span.cs-muted.cs-small.cs-count');
  const hint = el('p.cs-muted.cs-small.cs-run-hint', {'aria-live': 'polite'});
  const summary = el('summary', {}, el('span', {}, 'All runs '), count);
  const node = el('details.cs-card.cs-fold', {open: true}, summary, hint, list);
  let before = '';
  let chosen = [];
  let shown = [[], ''];

  function choose(run) {
    chosen = chosen.includes(run) ? chosen.filter((other) => other !== run) : [...chosen, run].slice(-2);
    update(...shown);
    compare(chosen.length === 2 ? chosen : null);
  }
  function row(run, current) {
    const name = run.name || run.run;
    const picked = chosen.includes(run.run);
    const check = {
      type: 'button',
      role: 'checkbox',
      'aria-checked': picked,
      'aria-label': `Difference: ${name}`,
      title: CHECK_TITLE,
      'data-check': run.run,
      onclick: () => choose(run.run),
    };
    const line = {
      type: 'button',
      'aria-current': run.run === current,
      'data-run': run.run,
      onclick: () => open(run.run),
    };
    const number = (text) => el('span.cs-muted.cs-number', {}, text);
    return el(
      'div.cs-run-line',
      {role: 'listitem'},
      el('button.cs-run-check', check, picked && icon('check', 12)),
      el(
        'button.cs-run-row',
        line,
        badge(run.state),
        el('b', {title: name}, name),
        el('span.cs-muted', {}, methodTitle(run.method)),
        el('span.cs-spacer'),
        number(`${run.step || 0} / ${run.steps || '–'}`),
        number(formatTime(run.started_at || run.created_at)),
      ),
    );
  }
  /** The button that has the focus, found again among new rows. */
  function focused() {
    if (!list.contains(document.activeElement)) return () => null;
    const {check, run} = document.activeElement.dataset;
    const same = ({dataset}) => (check ? dataset.check === check : dataset.run === run);
    return () => [...list.querySelectorAll('button')].find(same);
  }
  function update(runs, current) {
    shown = [runs, current];
    const still = chosen.filter((run) => runs.some((one) => one.run === run));
    if (still.length < chosen.length) {
      chosen = still;
      compare(null);
    }
    const key = JSON.stringify([runs, current, chosen]);
    if (key === before) return;
    before = key;
    count.textContent = String(runs.length);
    hint.textContent = HINTS[chosen.length];
    hint.hidden = runs.length < 2;
    const again = focused();
    const none = el('p.cs-muted.cs-small', {style: {margin: '0'}}, 'No runs yet.');
    list.replaceChildren(...(runs.length ? runs.map((run) => row(run, current)) : [none]));
    again()?.focus();
  }
  function clear() {
    chosen = [];
    update(...shown);
  }
  return {node, update, clear};
}
