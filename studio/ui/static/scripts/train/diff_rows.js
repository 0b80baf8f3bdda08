// The table of how two runs differ, out of what the server says of them. Pure.
import {formatBytes, formatDuration} from '../core/format.js';

const isMissing = (value) => value === null || value === undefined;

/** A number with few digits; – for none. */
export const plainNumber = (value, digits = 3) =>
  isMissing(value) ? '–' : String(Number(Number(value).toPrecision(digits)));

const withUnit =
  (unit, factor = 1) =>
  (value) =>
    isMissing(value) ? '–' : `${plainNumber(factor * value, 2)} ${unit}`;

const FIGURES = [
  ['step', 'Steps', (value) => plainNumber(value)],
  ['seconds', 'Time trained', formatDuration],
  ['seconds_per_step', 'Per step', withUnit('s')],
  ['train', 'Validation loss, training images', (value) => plainNumber(value)],
  ['held_out', 'Validation loss, held-out images', (value) => plainNumber(value)],
  ['best_held_out', 'Lowest held out', (value) => plainNumber(value)],
  ['best_step', 'Reached at step', (value) => value ?? '–'],
  ['change', 'The image changes by', withUnit('%', 100)],
  ['peak_memory', 'Memory', formatBytes],
  ['bytes', 'File', formatBytes],
];

/** [[label, [value of each run]], …] of how runs ended, without rows that say nothing. */
export function figureRows(figures, stateTitle) {
  const ended = ['state', 'Ended', stateTitle];
  const rows = [ended, ...FIGURES].map(([key, label, format]) => [label, figures.map((one) => format(one[key]))]);
  return rows.filter(([, values]) => values.some((value) => value !== '–'));
}

/** A setting's value in words. */
export function settingText(value) {
  if (isMissing(value) || value === '') return '–';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return Array.isArray(value) ? value.join(' | ') || '–' : String(value);
}

/** The scales of curves [{step, train, held_out}] in a box: {x, y, bottom, top, most}, or null when
 *  there is nothing to plot. */
export function curveScales(curves, {width, height, left, right, top: above, bottom: below}) {
  const all = curves.flat();
  const values = all.flatMap((point) => [point.train, point.held_out]).filter((value) => typeof value === 'number');
  if (values.length < 2) return null;
  const most = Math.max(1, ...all.map((point) => point.step));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = (high - low || high || 1) * 0.08;
  const [bottom, top] = [Math.max(0, low - pad), high + pad];
  return {
    bottom,
    top,
    most,
    x: (step) => left + ((width - left - right) * step) / most,
    y: (value) => above + ((height - above - below) * (top - value)) / (top - bottom),
  };
}
