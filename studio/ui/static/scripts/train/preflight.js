// What stands in the way of a run, what is odd about it, and its facts.
// Value: {errors, warnings, notes, facts, estimate?}.
import {el} from '../core/dom.js';
import {message} from '../core/notices.js';
import {estimateRows, factRows} from './preflight_rows.js';

const EMPTY = 'Choose pictures, and everything that would stand in the way is named here before you start.';

const quiet = (text) => el('p.cs-muted.cs-small', {style: {margin: '0'}}, text);

/** One message for one text, a list under a heading for several. */
function told(kind, texts, heading) {
  if (!texts?.length) return [];
  if (texts.length === 1) return [message(texts[0], kind)];
  const list = el(
    'ul',
    {},
    texts.map((text) => el('li', {}, text)),
  );
  const attributes = {'data-kind': kind, role: kind === 'error' ? 'alert' : 'status'};
  return [el('div.cs-notice', attributes, el('div', {}, el('b', {}, heading), list))];
}

function factList(rows) {
  if (!rows.length) return quiet(EMPTY);
  const pair = ([label, text]) => [el('dt', {}, label), el('dd.cs-number', {}, text)];
  return el('dl.cs-facts', {}, rows.flatMap(pair));
}

export function mount({element, props, watch}) {
  const root = element.querySelector('.cs-preflight');
  function render() {
    const {errors, warnings, notes, facts, estimate} = props.value || {};
    root.replaceChildren(
      el('h3.cs-card-title', {style: {margin: '0'}}, 'Before you start'),
      ...told('error', errors, 'The run cannot start'),
      ...told('warning', warnings, `${warnings?.length} things to know`),
      ...(notes || []).map(quiet),
      factList([...factRows(facts), ...estimateRows(estimate)]),
    );
  }
  watch('value', render);
  render();
}
