// Two runs side by side: the settings that differ, their validation losses in one plot, end figures.
// Owns: how this looks. Refuses to know: where it comes from.
import {el, svg} from '../core/dom.js';
import {iconButton} from '../core/icons.js';
import {message} from '../core/notices.js';
import {curveScales, figureRows, plainNumber, settingText} from './diff_rows.js';
import {stateTitle} from './run_states.js';

const COLOURS = ['var(--cs-plot-1)', 'var(--cs-plot-2)'];
const BOX = {width: 940, height: 240, left: 46, right: 10, top: 10, bottom: 24};
const LINES = 4; // of the grid
const SERIES = [
  ['train', ''],
  ['held_out', '5 4'],
];

function curve(points, k, [name, dash], {x, y}) {
  const shown = points.filter((point) => typeof point[name] === 'number');
  if (!shown.length) return [];
  const style = {fill: 'none', 'stroke-width': 2, 'stroke-dasharray': dash, 'stroke-linejoin': 'round'};
  const line = shown.map((point) => `${x(point.step)},${y(point[name])}`).join(' ');
  const data = {'data-run': k, 'data-series': name, style: `stroke: ${COLOURS[k]}`};
  return [svg('polyline', {points: line, ...style, ...data})];
}

function plot(curves) {
  const scales = curveScales(curves, BOX);
  if (!scales) return el('p.cs-muted.cs-small', {}, 'These runs have no validation loss to plot.');
  const {x, y, bottom, top, most} = scales;
  const shapes = [];
  for (let k = 0; k <= LINES; k += 1) {
    const value = bottom + ((top - bottom) * k) / LINES;
    const step = (most * k) / LINES;
    const anchor = k === LINES ? 'end' : 'middle';
    shapes.push(
      svg('line', {x1: BOX.left, x2: BOX.width - BOX.right, y1: y(value), y2: y(value), class: 'grid'}),
      svg('text', {x: BOX.left - 6, y: y(value) + 3.5, 'text-anchor': 'end'}, plainNumber(value, 2)),
      svg('text', {x: x(step), y: BOX.height - 6, 'text-anchor': anchor}, String(Math.round(step))),
    );
  }
  for (const [k, points] of curves.entries()) {
    for (const series of SERIES) shapes.push(...curve(points, k, series, scales));
  }
  const label = 'Validation losses of both runs over steps';
  const attributes = {viewBox: `0 0 ${BOX.width} ${BOX.height}`, class: 'cs-diff-plot', role: 'img'};
  return svg('svg', {...attributes, 'aria-label': label}, ...shapes);
}

const heading = (text) => el('tr.cs-diff-part', {}, el('th', {colspan: 3, scope: 'rowgroup'}, text));

function line(label, values, title = '') {
  const cells = values.map((value) => el('td.cs-number', {title: value}, value));
  return el('tr', {}, el('th', {scope: 'row', title}, label), cells);
}

function table({names, figures, settings}) {
  const swatch = (k) => el('i.cs-swatch', {style: {background: COLOURS[k]}});
  const heads = names.map((name, k) => el('th', {scope: 'col'}, swatch(k), name));
  const ends = figureRows(figures, stateTitle).map(([label, values]) => line(label, values));
  const others = settings.map(({key, label, values}) => line(label, values.map(settingText), key));
  return el(
    'table',
    {},
    el('thead', {}, el('tr', {}, el('td'), heads)),
    el('tbody', {}, heading('How they ended'), ends),
    el(
      'tbody.cs-diff-settings',
      {},
      heading(settings.length ? 'Settings that differ' : 'All settings are the same'),
      others,
    ),
  );
}

function incomparable(names) {
  const what = 'The heights of these curves cannot be compared';
  return message({what, why: `They were not measured on the same: ${names.join(', ')}. Their shapes can.`}, 'warning');
}

/** {node, show(answer), hide}; `close()` is the button's. */
export function runDiff(close) {
  const node = el('section.cs-card.cs-diff.cs-hidden', {'aria-label': 'Difference between two runs'});
  function show(answer) {
    const bar = el(
      'div.cs-toolbar',
      {},
      el('h3.cs-card-title', {style: {margin: '0'}}, 'Difference'),
      el('span.cs-spacer'),
      el('span.cs-small.cs-muted', {}, 'line: training · dashes: held out'),
      iconButton('close', 'Close the difference', close),
    );
    const warning = answer.incomparable.length ? [incomparable(answer.incomparable)] : [];
    node.classList.remove('cs-hidden');
    node.replaceChildren(bar, plot(answer.validations), ...warning, el('div.cs-diff-scroll', {}, table(answer)));
    node.scrollIntoView({block: 'nearest'});
  }
  return {node, show, hide: () => node.classList.add('cs-hidden')};
}
