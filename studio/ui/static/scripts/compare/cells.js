// What the grid of a comparison is made of: the heading of a column, the label of a row, a cell.

import {el, sharpen} from '../core/dom.js';
import {iconButton} from '../core/icons.js';
import {range} from '../core/range.js';
import {showsWords, wordsOf} from './column_words.js';
import {shownValue, stackText} from './measures.js';
import {shownColumn} from './tracks.js';

/** `image` follows the zoom of whatever it is in. */
export function imageView(src, alt, extra = '') {
  return el(`img.cm-image${extra}`, {src, alt, draggable: 'false', onload: (event) => sharpen(event.currentTarget)});
}

/** The slider of a track through its checkpoints. */
function scrubber(track, steps, change) {
  const at = () => track.columns.indexOf(shownColumn(track, steps));
  const words = el('output.cs-number.cm-step');
  const limits = {min: 0, max: track.steps.length - 1, step: 1};
  const slider = range(`Step of ${track.name}`, limits, at(), (place) => change(track, place));
  const paint = () => {
    slider.set(at());
    words.textContent = `step ${track.steps[at()]}`;
    slider.node.setAttribute('aria-valuetext', words.textContent);
  };
  paint();
  return {node: el('div.cm-scrub', {}, slider.node, words), paint};
}

function measureLine(comparison, column, measure) {
  const {text, sure, title} = shownValue(comparison, column, measure);
  return el('span.cm-value.cs-small', {title}, measure.label, ' ', el('b.cs-number', {}, text), sure && ` (${sure})`);
}

/** The heading of a track: {node, paint}; `paint` says again what depends on the step that is shown. */
export function heading(comparison, track, {steps, measure, hide, change}) {
  const about = el('div.cm-about');
  const slider = track.steps && scrubber(track, steps, change);
  const node = el(
    'div.cm-head',
    {role: 'columnheader'},
    el(
      'div.cm-name',
      {},
      el('b', {title: track.name}, track.name),
      hide && iconButton('close', `Hide the column ${track.name}`, () => hide(track)),
    ),
    slider?.node,
    about,
  );
  const paint = () => {
    slider?.paint();
    const column = comparison.columns[shownColumn(track, steps)];
    const problem = column.error && (column.message || column.error.what);
    const pending = !comparison.complete && !comparison.cancelled && !Number.isFinite(column.images);
    about.replaceChildren(
      problem
        ? el('p.sh-problem', {}, problem)
        : el('span.cs-small.cs-muted.cm-stack', {}, column.folder || stackText(column.stack)),
    );
    if (pending && !problem) {
      const words = wordsOf(comparison, column.name);
      about.append(el('span.cm-training.cs-small', showsWords(comparison, column.name), words));
    }
    if (measure && !problem) about.append(measureLine(comparison, column, measure));
  };
  paint();
  return {node, paint};
}

/** The label of a row. */
export const rowLabel = (row, again) =>
  el(
    'div.cm-label',
    {role: 'rowheader'},
    el(`span.cm-prompt${again ? '.cs-muted' : ''}`, {title: row.text}, row.text),
    el('span.cs-small.cs-muted.cs-number', {}, `seed ${row.seed}`),
  );

/** An empty cell; `paintCell` fills it. */
export const emptyCell = () => el('div.cm-cell', {role: 'gridcell', tabindex: -1});

function showImage(cell, name, copy, alt) {
  let image = cell.querySelector(name === 'under' ? '.cm-under' : '.cm-image:not(.cm-under)');
  if (!copy?.src) {
    image?.remove();
    return;
  }
  if (!image) {
    image = imageView(copy.src, alt, name === 'under' ? '.cm-under' : '');
    cell.prepend(image);
    if (name === 'under') cell.append(image);
  }
  if (image.getAttribute('src') !== copy.src) image.src = copy.src;
  if (image.alt !== alt) image.alt = alt;
}

/** Fills a cell: `copy` and `under` are {src}, {problem} or null; `state` is 'waiting', 'blank' or ''. */
export function paintCell(cell, {label, copy, under = null, state, marks}) {
  showImage(cell, 'image', copy, label);
  showImage(cell, 'under', copy?.src ? under : null, '');
  cell.setAttribute('aria-label', marks.length ? `${label}, ${marks.join(', ')}` : label);
  cell.classList.toggle('cm-blank', !copy?.src);
  cell.classList.toggle('cs-skeleton', state === 'waiting');
  cell.classList.toggle('is-diff', Boolean(under?.src && copy?.src));
  cell.classList.toggle('is-marked', marks.includes('marked'));
  cell.classList.toggle('is-pinned', marks.includes('pinned'));
  cell.title = copy?.problem || '';
}
