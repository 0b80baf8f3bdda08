// Two columns of a comparison over each other, with a line that is dragged between them.
import {el} from '../core/dom.js';
import {iconButton} from '../core/icons.js';
import {wrap} from '../core/values.js';
import {imageUrl, imageView} from './cells.js';
import {rowsOf} from './measures.js';

const HINT = 'Drag across the picture, or use ← and → while it is focused.';

const option = (value, chosen, text) => el('option', {value, selected: value === chosen}, text);

/** `pair` is {a, b, row, split}: two columns, a row, and where the left image ends in percent; it is
 *  changed in place, and `changed()` is called when another image is to be shown. */
export function sideBySide(comparison, pair, changed) {
  const {columns} = comparison;
  const rows = rowsOf(comparison);
  const row = rows[Math.min(pair.row, rows.length - 1)];
  const set = (fields) => {
    Object.assign(pair, fields);
    changed();
  };
  const choose = (key, label) => {
    const onchange = (event) => set({[key]: Number(event.currentTarget.value)});
    const options = columns.map((column, at) => option(at, pair[key], column.name));
    return el('label.cs-label', {}, label, el('select.cs-input', {'aria-label': label, onchange}, options));
  };
  const which = el(
    'select.cs-input',
    {'aria-label': 'Picture', onchange: (event) => set({row: Number(event.currentTarget.value)})},
    rows.map((one, at) => option(at, pair.row, `${one.text} · seed ${one.seed}`)),
  );
  const turn = (by) => set({row: wrap(pair.row + by, rows.length)});
  const image = (at) => imageView(imageUrl(comparison, at, row) || '', columns[at].name);
  const stage = el(
    'div.ab-stage',
    {style: {'--split': pair.split}},
    image(pair.a),
    el('div.ab-over', {}, image(pair.b)),
    el('span.ab-tag.ab-left', {}, columns[pair.a].name),
    el('span.ab-tag.ab-right', {}, columns[pair.b].name),
    el('i.ab-line'),
  );
  const limits = {type: 'range', min: 0, max: 100, step: 1, value: pair.split};
  const split = el('input.ab-split', {...limits, 'aria-label': 'Where the left picture ends'});
  split.addEventListener('input', () => {
    pair.split = Number(split.value);
    stage.style.setProperty('--split', pair.split);
  });
  stage.append(split);
  const chooser = el(
    'div.ab-choose',
    {},
    choose('a', 'Left'),
    choose('b', 'Right'),
    el('label.cs-label.ab-which', {}, 'Picture', which),
    iconButton('left', 'Previous picture', () => turn(-1)),
    iconButton('right', 'Next picture', () => turn(1)),
  );
  return el('div.ab', {}, chooser, stage, el('p.cs-small.cs-muted', {}, HINT));
}
