// The grid of a comparison: headings with measures, one row per prompt and seed.
import {fileUrl} from '../core/address.js';
import {el, sharpen} from '../core/dom.js';
import {tables} from '../core/tables.js';
import {meaning, measuredRows, rowsOf, shownValue, stackText} from './measures.js';

const LABEL = 'Images: + and − zoom all, arrows move, 0 resets';
const BEHIND = 'Generated and reference images behind the measures';
const APART = 'told apart from every other column';

/** Address of one image; null while there is none. */
export function imageUrl(comparison, column, {prompt, seed}) {
  const same = (one) => one.column === column && one.prompt === prompt && one.seed === seed;
  const cell = comparison.cells.find(same);
  return cell ? fileUrl(`${comparison.folder}/${cell.file}`) : null;
}

export function imageView(src, alt, more = {}, extra = '') {
  const onload = (event) => sharpen(event.currentTarget);
  return el(`img.cm-image${extra}`, {src, alt, draggable: 'false', ...more, onload});
}

function measureRow(comparison, column, measure) {
  const {text, interval, title, apart} = shownValue(comparison, column, measure, tables.missing);
  const mark = apart && el('span.cm-apart', {role: 'img', 'aria-label': APART, title: APART}, '◆');
  return [
    el('dt', {title: meaning(column, measure)}, measure.label),
    el(`dd.cs-number${apart ? '.is-apart' : ''}`, {title: interval ? `${title} ${interval}` : title}, text, mark),
  ];
}

function measureList(comparison, column) {
  const rows = measuredRows(comparison, tables.measures);
  return el(
    'dl.cm-measures',
    {},
    rows.map((measure) => measureRow(comparison, column, measure)),
    column.counts && [el('dt', {}, 'Images'), el('dd.cs-number', {title: BEHIND}, `n = ${column.counts.join(' / ')}`)],
  );
}

function heading(comparison, column) {
  const problem = () => el('p.sh-problem', {}, column.message || column.error.what);
  return el(
    'div.cm-head',
    {},
    el('b', {title: column.name}, column.name),
    el('span.cs-small.cs-muted.cm-stack', {}, stackText(column.stack)),
    column.error ? problem() : measureList(comparison, column),
  );
}

function cellView(comparison, column, row, {baseline, choose}) {
  const url = imageUrl(comparison, column, row);
  const {name, error} = comparison.columns[column];
  if (!url) return el(`div.cm-cell.cm-blank${error || comparison.cancelled ? '' : '.cs-skeleton'}`);
  const words = `${name}, “${row.text}”, seed ${row.seed}`;
  const below = baseline >= 0 && baseline !== column ? imageUrl(comparison, baseline, row) : null;
  const attributes = {
    type: 'button',
    'aria-label': `Compare side by side: ${words}`,
    onclick: () => choose(column, row),
  };
  return el(
    `button.cm-cell${below ? '.is-diff' : ''}`,
    attributes,
    imageView(url, words, {loading: 'lazy'}),
    below && imageView(below, '', {loading: 'lazy'}, '.cm-under'),
  );
}

/** `baseline` is the column that differences are shown to, or -1; `choose(column, row)` is a click. */
export function comparisonGrid(comparison, options) {
  const style = {'--columns': comparison.columns.length};
  const host = el('div.cm-grid', {role: 'group', tabindex: 0, 'aria-label': LABEL, style});
  host.append(el('div.cm-corner'), ...comparison.columns.map((column) => heading(comparison, column)));
  let last = -1;
  for (const row of rowsOf(comparison)) {
    const prompt = row.prompt !== last && el('span.cm-prompt', {title: row.text}, row.text);
    const seed = el('span.cs-small.cs-muted.cs-number', {}, `seed ${row.seed}`);
    const cells = comparison.columns.map((_, column) => cellView(comparison, column, row, options));
    host.append(el('div.cm-label', {}, prompt, seed), ...cells);
    last = row.prompt;
  }
  return host;
}
