// The measures of a comparison's columns as they are shown: values with their intervals, differences of two
// columns, and why one is missing. `measure` is a row of the server's table: {key, label, formula, source, range,
// says, better, unit, digits, fact, needs}; `needs` are reasons by what may be missing. Pure.

import {count, formatBytes, formatDuration} from '../core/format.js';

const isNumber = (value) => typeof value === 'number';
const BEHIND = {'%': ' %', images: ' images'};

/** A column's value of a measure, or of a fact that is called like it; null where there is none. */
export function measuredValue(column, measure) {
  const found = measure.fact ? column[measure.key] : column.measures?.[measure.key];
  return isNumber(found) && !(measure.fact && found === 0) ? found : null;
}

/** A number as a measure writes it, without its unit. */
export function written(measure, value) {
  if (measure.unit === 'bytes') return formatBytes(value);
  if (measure.unit === 's') return formatDuration(value);
  const number = measure.unit === '%' ? value * 100 : value;
  const digits = measure.digits ?? (Math.abs(number) >= 1 ? 2 : 4);
  const text = number.toFixed(digits);
  if (Number(text) === 0) return text.replace('-', '');
  const grouped = number.toLocaleString('en', {minimumFractionDigits: digits, maximumFractionDigits: digits});
  return grouped.replace('-', '−');
}

const behind = ({unit}) => BEHIND[unit] ?? (unit && !['bytes', 's'].includes(unit) ? ` ${unit}` : '');

const ends = (measure, [low, high]) => `${written(measure, low)} … ${written(measure, high)}`;

/** How sure a value is: its interval, of earlier versions its standard error; '' where nothing is known. */
function certainty(column, measure) {
  const interval = column.intervals?.[measure.key];
  const [low, high] = (interval || []).map((end) => written(measure, end));
  if (interval) return low === high ? '' : `${low} … ${high}`;
  const error = column.standard_errors?.[measure.key];
  return isNumber(error) ? `±${error.toFixed(3)}` : '';
}

/** Why a column has no value for a measure. */
export function whyNot(comparison, column, measure) {
  if (column.error) return 'This column could not be generated.';
  if (measure.fact) return 'Not known for this column.';
  if (!comparison.complete && !comparison.cancelled) return 'Not measured yet.';
  const {reference, settings, notes = [], lacking: known = {}} = comparison;
  const lacking = {
    prompt: Boolean(column.folder),
    reference: !reference?.images,
    training: !settings?.training,
    ordinary: Boolean(column.folder) || settings?.ordinary_images === 0,
    dino: true, // whether there are weights, and a judge, shows only in values
    attributes: true,
  };
  const need = Object.keys(measure.needs).find((one) => lacking[one] || known[one]);
  return need ? `Not measured: ${known[need] || measure.needs[need]}.` : notes[0] || 'It was not measured.';
}

/** What a value means, and of how many images it is. */
export function meaning(column, measure) {
  const about = `${measure.says} ${measure.better === 'higher' ? 'Higher' : 'Lower'} is better.`;
  const known = measuredValue(column, measure) !== null && measure.needs.reference && column.counts;
  return known ? `${about} Measured on ${column.counts[0]} against ${count(column.counts[1], 'image')}.` : about;
}

/** What a column shows of a measure: {text, sure, title, apart}; `text` is — when there is no value. `apart` is true
 *  where the column is better than every other one and told apart from it. */
export function shownValue(comparison, column, measure) {
  const value = measuredValue(column, measure);
  if (value === null) return {text: '—', sure: '', title: whyNot(comparison, column, measure), apart: false};
  return {
    text: written(measure, value) + behind(measure),
    sure: certainty(column, measure),
    title: meaning(column, measure),
    apart: (column.told_apart || []).includes(measure.key),
  };
}

/** A column minus another one in a measure: {text, sure, told, better}; null where no difference is known. `told`
 *  says whether they can be told apart, `better` which way the difference points, 1 or -1. */
export function shownDifference(comparison, column, other, measure) {
  const same = (one) => one.measure === measure.key && [one.a, one.b].every((place) => [column, other].includes(place));
  const found = column === other ? null : (comparison.differences || []).find(same);
  if (!found) return null;
  const sign = found.a === column ? 1 : -1;
  const known = isNumber(found.low) && isNumber(found.high);
  const interval = known ? [sign * found.low, sign * found.high].sort((a, b) => a - b) : null;
  const value = sign * found.value;
  return {
    text: `${value > 0 ? '+' : ''}${written(measure, value)}${behind(measure)}`,
    sure: interval ? ends(measure, interval) : 'too few images',
    told: Boolean(found.told_apart),
    better: value > 0 === (measure.better === 'higher') ? 1 : -1,
  };
}

/** Measures that at least one column has a value of. */
export const measuredBy = (columns, measures) =>
  measures.filter((measure) => columns.some((column) => measuredValue(column, measure) !== null));

/** [[reason, titles of measures], …]: says once, in words, why some are missing. */
export function missingReasons(comparison, measures) {
  if (!comparison.complete && !comparison.cancelled) return [];
  const reasons = new Map();
  for (const column of comparison.columns.filter((one) => !one.error)) {
    for (const measure of measures.filter((one) => !one.fact && measuredValue(column, one) === null)) {
      const why = whyNot(comparison, column, measure);
      reasons.set(why, (reasons.get(why) || new Set()).add(measure.label));
    }
  }
  return [...reasons].map(([why, titles]) => [why, [...titles]]);
}

/** Rows of the grid: every prompt with every seed. */
export const rowsOf = (comparison) =>
  comparison.prompts.flatMap((text, prompt) => comparison.seeds.map((seed) => ({prompt, seed, text})));

/** A column's files in a few words. */
export function stackText(stack = []) {
  const plain = (path) =>
    path
      .split(/[\\/]/)
      .pop()
      .replace(/\.[a-z]+$/, '');
  return stack.length ? stack.map((one) => `${plain(one.path)} × ${one.strength}`).join(', ') : 'base model alone';
}
