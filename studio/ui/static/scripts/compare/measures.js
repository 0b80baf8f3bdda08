// The measures of a comparison's columns as they are shown: values, which is the best, and why one is
// missing. `measure` is a row of the server's table: {key, title, best, digits, about, needs_reference}.
// Pure.

const isNumber = (value) => typeof value === 'number';

export const measured = (column, measure) => column.measures?.[measure.key];

export const isMeasured = (column, measure) => isNumber(measured(column, measure));

/** The best value of all columns; null when there are not two to choose from. */
export function bestOf(columns, measure) {
  const values = columns.map((column) => measured(column, measure)).filter(isNumber);
  if (values.length < 2) return null;
  return measure.best === 'low' ? Math.min(...values) : Math.max(...values);
}

/** Why a column has no value for a measure. */
export function whyNot(comparison, column, measure) {
  if (column.error) return 'This column could not be drawn.';
  if (!comparison.complete && !comparison.cancelled) return 'Not measured yet.';
  if (measure.needs_reference && !comparison.reference?.pictures) return 'No reference folder was chosen.';
  return (comparison.notes || [])[0] || 'It was not measured.';
}

/** What a column shows of a measure: {text, error, title, best}; `text` is — when there is no value. */
export function shownValue(comparison, column, measure) {
  const value = measured(column, measure);
  if (!isNumber(value)) return {text: '—', error: '', title: whyNot(comparison, column, measure), best: false};
  const digits = Math.abs(value) >= 1 ? 2 : measure.digits;
  const error = column.measures[`${measure.key}_error`];
  const counts = column.measures[`${measure.key}_n`];
  const measuredOn = counts ? ` Measured on ${counts[0]} against ${counts[1]} pictures.` : '';
  return {
    text: value.toFixed(digits),
    error: isNumber(error) ? ` ±${error.toFixed(Math.min(digits, 3))}` : '',
    title: measure.about + measuredOn,
    best: value === bestOf(comparison.columns, measure),
  };
}

/** [[reason, titles of measures], …]: says once, in words, why some are missing. */
export function missingReasons(comparison, measures) {
  if (!comparison.complete && !comparison.cancelled) return [];
  const reasons = new Map();
  for (const column of comparison.columns.filter((one) => !one.error)) {
    for (const measure of measures.filter((one) => !isMeasured(column, one))) {
      const why = whyNot(comparison, column, measure);
      reasons.set(why, (reasons.get(why) || new Set()).add(measure.title));
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
