// What varies along the sides of a grid: three rows of “what” and “values”. Owns: these fields.
// Refuses to know: the grid; `read()` gives what is written, Python checks it.
import {el} from '../core/dom.js';
import {withValue} from './axes_text.js';

const SIDES = [
  ['x', 'Columns'],
  ['y', 'Rows'],
  ['pages', 'Pages'],
];
const LONG = ['prompt', 'adapter']; // kinds whose values take a line each
const MOST_OFFERS = 60;
const NO_RUN = 'No run has checkpoints of an adapter yet.';

/** One row: {side, node, fill(choices), read()}. */
function axisRow([side, title]) {
  const name = title.toLowerCase();
  const first = side === 'x'; // the one side that always varies
  let choices = {kinds: [], samplers: [], adapters: [], runs: []};
  const clear = () => {
    values.value = '';
    paint();
  };
  const kind = el('select.cs-input', {'aria-label': `What the ${name} vary`});
  const of = el('select.cs-input', {'aria-label': `Run of the ${name}`, hidden: true, onchange: clear});
  const values = el('textarea.cs-input', {rows: 2, 'aria-label': `Values of the ${name}`, spellcheck: 'false'});
  const offers = el('div.ax-offers', {role: 'group', 'aria-label': `Values to add to the ${name}`});
  const what = el('div.ax-kind', {}, kind, of);
  const node = el('div.ax-axis', {}, el('span.cs-label', {}, title), what, el('div.ax-values', {}, values, offers));
  kind.addEventListener('change', () => {
    clear();
    values.focus();
  });

  function offered() {
    if (kind.value === 'adapter') return choices.adapters;
    if (kind.value === 'sampler') return choices.samplers;
    if (kind.value !== 'checkpoint') return [];
    return (choices.runs.find((run) => run.run === of.value)?.steps || []).map(String);
  }
  function offer(value) {
    const onclick = () => {
      values.value = withValue(values.value, value, kind.value === 'adapter' ? '\n' : ', ');
      values.focus();
    };
    return el('button.cs-chip.ax-offer', {type: 'button', onclick}, `+ ${value}`);
  }
  function paint() {
    const isCheckpoint = kind.value === 'checkpoint';
    of.hidden = !isCheckpoint;
    values.hidden = kind.value === '';
    values.placeholder = choices.kinds.find((one) => one.kind === kind.value)?.hint || '';
    values.rows = LONG.includes(kind.value) ? 4 : 2;
    if (isCheckpoint && !choices.runs.length) offers.replaceChildren(el('span.cs-small.cs-muted', {}, NO_RUN));
    else offers.replaceChildren(...offered().slice(0, MOST_OFFERS).map(offer));
  }
  function fill(next) {
    choices = next;
    const before = [kind.value, of.value];
    const nothing = first ? [] : [el('option', {value: ''}, 'nothing')];
    kind.replaceChildren(...nothing, ...choices.kinds.map((one) => el('option', {value: one.kind}, one.title)));
    of.replaceChildren(...choices.runs.map((run) => el('option', {value: run.run}, run.name)));
    kind.value = before[0] || (first ? 'strength' : '');
    if (before[1]) of.value = before[1];
    paint();
  }
  function read() {
    if (!kind.value) return null;
    return {kind: kind.value, values: values.value, of: kind.value === 'checkpoint' ? of.value : ''};
  }
  return {side, node, fill, read};
}

export function axesForm(host) {
  const rows = SIDES.map(axisRow);
  host.replaceChildren(...rows.map((row) => row.node));
  return {
    offer(choices) {
      for (const row of rows) row.fill(choices);
    },
    read: () => Object.fromEntries(rows.map((row) => [row.side, row.read()])),
  };
}
