// The measures of a comparison's columns as they are shown: values, intervals, and why one is missing.
// `measure` is a row of the server's table: {key, label, formula, source, range, says, better, unit,
// digits, fact, needs}; `missing` says of each need why it may not be there. Pure.
import {formatBytes, formatDuration} from '../core/format.js';

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

/** A column's value; null when it has none. Facts are fields of the column itself. */
export function measuredValue(column, measure) {
  const value = measure.fact ? column[measure.key] : column.measures?.[measure.key];
  return isNumber(value) && !(measure.fact && value === 0) ? value : null;
}

/** A number as a measure writes it, without what stands behind it. */
export function numberText(value, measure) {
  if (measure.unit === 'bytes') return formatBytes(value);
  if (measure.unit === 's') return formatDuration(value);
  const scaled = measure.unit === '%' ? value * 100 : value;
  const digits = {minimumFractionDigits: measure.digits, maximumFractionDigits: measure.digits};
  const text = scaled.toLocaleString('en', digits);
  return Number(text.replaceAll(',', '')) === 0 ? text.replace('-', '') : text.replace('-', '−');
}

const behind = (measure) => (measure.unit === '%' ? ' %' : '');

/** “0.10 … 0.15”; empty where there is no interval. */
export function intervalText(ends, measure) {
  if (!ends?.every(isNumber) || ends[0] === ends[1]) return '';
  return `${numberText(ends[0], measure)} … ${numberText(ends[1], measure)}${behind(measure)}`;
}

/** Why a column has no value for a measure. */
export function whyNot(comparison, column, measure, missing) {
  if (column.error) return 'This column could not be generated.';
  if (measure.fact) return 'Not known for this column.';
  if (!comparison.complete && !comparison.cancelled) return 'Not measured yet.';
  if (measure.needs.includes('prompt') && column.folder) return `Not measured: ${missing.prompt}.`;
  if (measure.needs.includes('ordinary') && column.folder) return 'Images from elsewhere have no ordinary prompts.';
  if (measure.needs.includes('reference') && !comparison.reference?.images)
    return `Not measured: ${missing.reference}.`;
  if (measure.needs.includes('training') && !comparison.settings?.training) return `Not measured: ${missing.training}.`;
  for (const need of ['dino', 'attributes', 'ordinary']) {
    if (measure.needs.includes(need)) return `Not measured: ${missing[need]}.`;
  }
  return (comparison.notes || [])[0] || 'It was not measured.';
}

/** What a value means, and of how many images it is. */
export function meaning(column, measure) {
  const about = `${measure.says} ${measure.better === 'higher' ? 'Higher' : 'Lower'} is better.`;
  if (!column.counts || !measure.needs.includes('reference')) return about;
  const [images, references] = column.counts;
  return `${about} Measured on ${images} against ${references} images.`;
}

/** What a column shows of a measure: {text, interval, title, apart}; `text` is — when there is no value.
 *  `apart` is true where it is told apart from every other column, and better. */
export function shownValue(comparison, column, measure, missing) {
  const value = measuredValue(column, measure);
  if (value === null) {
    return {text: '—', interval: '', title: whyNot(comparison, column, measure, missing), apart: false};
  }
  const error = column.standard_errors?.[measure.key];
  const older = isNumber(error) ? `± ${numberText(error, measure)}` : '';
  return {
    text: numberText(value, measure) + behind(measure),
    interval: intervalText(column.intervals?.[measure.key], measure) || older,
    title: meaning(column, measure),
    apart: (column.told_apart || []).includes(measure.key),
  };
}

/** Rows of the table that any column has a value for. */
export const measuredRows = (comparison, measures) =>
  measures.filter((measure) => comparison.columns.some((column) => measuredValue(column, measure) !== null));

/** [[reason, titles of measures], …]: says once, in words, why some are missing. */
export function missingReasons(comparison, measures, missing) {
  if (!comparison.complete && !comparison.cancelled) return [];
  const reasons = new Map();
  const columns = comparison.columns.filter((one) => !one.error);
  for (const measure of measures.filter((one) => !one.fact)) {
    for (const column of columns.filter((one) => measuredValue(one, measure) === null)) {
      const why = whyNot(comparison, column, measure, missing);
      reasons.set(why, (reasons.get(why) || new Set()).add(measure.label));
    }
  }
  return [...reasons].map(([why, titles]) => [why, [...titles]]);
}

/** Rows of the grid: every prompt with every seed. */
export const rowsOf = (comparison) =>
  comparison.prompts.flatMap((text, prompt) => comparison.seeds.map((seed) => ({prompt, seed, text})));

/** A column's files in a few words. */
export function stackText(stack) {
  const plain = (path) =>
    path
      .split(/[\\/]/)
      .pop()
      .replace(/\.[a-z]+$/, '');
  return stack.length ? stack.map((one) => `${plain(one.path)} × ${one.strength}`).join(', ') : 'base model alone';
}
