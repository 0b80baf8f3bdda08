// The shootouts that there are: state, progress of each entry, what can be done. Owns: the list.
// Refuses to know: the server (callbacks are handed in).
import {el} from '../core/dom.js';
import {formatTime} from '../core/format.js';
import {labelled} from '../core/icons.js';
import {message} from '../core/notices.js';
import {actionsOf, badgeState, STATES, trainingProgress} from './shootout_rules.js';

const BUTTONS = {
  open: ['image', 'Open'],
  pause: ['stop', 'Pause'],
  go_on: ['reuse', 'Continue'],
  cancel: ['close', 'Cancel'],
  remove: ['trash', 'Remove'],
};
const MOST = 20;

function entryRow(one, several, whole) {
  const {share, text, state} = trainingProgress(one, whole);
  const name = several ? `${one.entry}, seed ${one.seed}` : one.entry;
  const bar = {
    role: 'progressbar',
    'aria-label': name,
    'aria-valuemin': 0,
    'aria-valuemax': 100,
    'aria-valuenow': Math.round(share * 100),
    'aria-valuetext': text,
  };
  const fill = el('i', {style: {width: `${Math.round(share * 100)}%`}});
  return el(
    'li.so-row',
    {'data-state': state, 'data-entry': one.entry},
    el('span.so-entry', {title: name}, name),
    el('span.cs-small.cs-muted.cs-number.so-did', {title: text}, text),
    el('div.cs-progress', bar, fill),
  );
}

function sampling({progress, doing}) {
  if (!progress) return null;
  const [done, total, text] = progress;
  const fill = el('i', {style: {width: `${total ? (100 * done) / total : 0}%`}});
  return el(
    'div.so-sampling',
    {},
    el('span.cs-small.cs-muted', {}, `${doing}: ${text}`),
    el('div.cs-progress', {}, fill),
  );
}

function card(one, act) {
  const several = new Set(one.trainings.map((row) => row.seed)).size > 1;
  const actions = actionsOf(one).map((name) => {
    const [icon, label] = BUTTONS[name];
    const retry = name === 'go_on' && one.state === 'finished';
    const button = labelled(icon, retry ? 'Try again' : label, (event) => act(name, one, event.currentTarget));
    button.setAttribute('aria-label', `${button.textContent}: ${one.name}`);
    return button;
  });
  const doing = one.doing && !one.progress && el('p.cs-small.cs-muted.so-doing', {role: 'status'}, one.doing);
  return el(
    'li.so-card',
    {'data-id': one.id, 'data-state': one.state},
    el(
      'div.so-head',
      {},
      el('b.so-name', {title: one.name}, one.name || 'Shootout'),
      el('span.cs-badge', {'data-state': badgeState(one.state)}, STATES[one.state] || one.state),
      el('span.cs-spacer'),
      el('span.cs-small.cs-muted', {}, formatTime(one.created)),
    ),
    one.error && message(one.error, one.state === 'failed' ? 'error' : 'warning'),
    doing,
    el(
      'ul.so-rows',
      {},
      one.trainings.map((row) => entryRow(row, several, one.state)),
    ),
    sampling(one),
    el('div.cs-toolbar', {}, actions),
  );
}

/** {node, update}; `act(name, shootout, button)` is a click on one of its buttons. */
export function shootoutList(node, act) {
  const list = el('ul.so-cards');
  node.append(el('h3.cs-card-title', {}, 'Shootouts'), list);
  const shown = new Map(); // id → [text, element]: what has not changed stays, and keeps its focus

  function update(shootouts) {
    node.hidden = !shootouts.length;
    const cards = shootouts.slice(0, MOST).map((one) => {
      const text = JSON.stringify(one);
      const known = shown.get(one.id);
      if (known?.[0] === text) return known[1];
      const made = card(one, act);
      const focused = known?.[1].contains(document.activeElement) && document.activeElement.getAttribute('aria-label');
      if (known) known[1].replaceWith(made);
      if (focused) [...made.querySelectorAll('button')].find((b) => b.getAttribute('aria-label') === focused)?.focus();
      shown.set(one.id, [text, made]);
      return made;
    });
    if (cards.length !== list.children.length || cards.some((one, at) => list.children[at] !== one)) {
      list.replaceChildren(...cards);
    }
  }
  return {update};
}
