// What stands in the way of a run, what is odd about it, and its facts.
// Value: {errors, warnings, notes, verdict, facts, about, estimate?, fit?}; `about` names the setting of a sentence.
import {tell} from '../core/channel.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {estimateRows, expectedRows, factRows, fitRows} from './preflight_rows.js';

const EMPTY = 'Choose images, and everything that would stand in the way is named here before you start.';

const quiet = (text) => el('p.cs-muted.cs-small', {style: {margin: '0'}}, text);

/** A sentence, and where it is about a setting, a button that goes there. */
function sentence(text, key) {
  const go = () => tell('studio:field', {key});
  const label = key?.startsWith('dataset.') ? 'Say what the images show' : 'Show the setting';
  return [text, key && el('button.cs-link', {type: 'button', onclick: go}, label)];
}

/** One message for one text, a list under a heading for several. */
function told(kind, texts, heading, about = {}) {
  if (!texts?.length) return [];
  const attributes = {'data-kind': kind, role: kind === 'error' ? 'alert' : 'status'};
  const parts = texts.map((text) => sentence(text, about[text]));
  const [only] = parts;
  const list = () =>
    el(
      'ul',
      {},
      parts.map((part) => el('li', {}, part)),
    );
  const inner = texts.length === 1 ? el('b', {}, only) : [el('b', {}, heading), list()];
  return [el('div.cs-notice', attributes, el('div', {}, inner))];
}

function factList(rows) {
  if (!rows.length) return quiet(EMPTY);
  const pair = ([label, text]) => [el('dt', {}, label), el('dd.cs-number', {}, text)];
  return el('dl.cs-facts', {}, rows.flatMap(pair));
}

/** The answer in one line, the same that the Caption tab gives of a dataset alone. */
function answer(verdict, errors, warnings) {
  if (!verdict) return [];
  const worst = warnings?.length ? 'warning' : 'good';
  const state = errors?.length ? 'error' : worst;
  return [el('b.cs-badge.cs-verdict', {'data-state': state}, `Ready to train? ${verdict}`)];
}

export function mount({element, props, watch}) {
  const root = element.querySelector('.cs-preflight');
  function render() {
    const {errors, warnings, notes, verdict, facts, expected, estimate, fit, about} = props.value || {};
    root.replaceChildren(
      el('h3.cs-card-title', {style: {margin: '0'}}, 'Before you start'),
      ...answer(verdict, errors, warnings),
      ...told('error', errors, 'The run cannot start', about),
      ...told('warning', warnings, count(warnings?.length, 'thing to know', 'things to know'), about),
      ...(notes || []).map(quiet),
      factList([...factRows(facts), ...expectedRows(expected, estimate), ...estimateRows(estimate), ...fitRows(fit)]),
    );
    const wrong = (errors || []).filter((text) => about?.[text]).map((text) => [about[text], text]);
    tell('studio:wrong', Object.fromEntries(wrong));
  }
  watch('value', render);
  render();
}
