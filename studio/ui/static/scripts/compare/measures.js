// The measures of a comparison's columns as they are shown: values, which is the best, and why one is
// missing. `measure` is a row of the server's table: {key, label, formula, says, better, unit, needs}.
// Pure.

const isNumber = (value) => typeof value === 'number';

const measured = (column, measure) => column.measures?.[measure.key];

const isMeasured = (column, measure) => isNumber(measured(column, measure));

/** The best value of all columns; null when they do not differ. */
export function bestOf(columns, measure) {
  const values = columns.map((column) => measured(column, measure)).filter(isNumber);
  if (new Set(values).size < 2) return null;
  return measure.better === 'lower' ? Math.min(...values) : Math.max(...values);
}

/** Why a column has no value for a measure. */
export function whyNot(comparison, column, measure) {
  if (column.error) return 'This column could not be generated.';
  if (!comparison.complete && !comparison.cancelled) return 'Not measured yet.';
  if (measure.needs.includes('reference') && !comparison.reference?.images) return 'No reference folder was chosen.';
  return (comparison.notes || [])[0] || 'It was not measured.';
}

/** What a value means, and of how many images it is. */
export function meaning(column, measure) {
  const about = `${measure.says}: ${measure.formula}.`;
  if (!isMeasured(column, measure) || !measure.needs.includes('reference') || !column.counts) return about;
  const [images, references] = column.counts;
  return `${about} Measured on ${images} against ${references} images.`;
}

/** What a column shows of a measure: {text, error, title, best}; `text` is — when there is no value. */
export function shownValue(comparison, column, measure) {
  const value = measured(column, measure);
  if (!isNumber(value)) return {text: '—', error: '', title: whyNot(comparison, column, measure), best: false};
  const digits = Math.abs(value) >= 1 ? 2 : 4;
  const error = column.standard_errors?.[measure.key];
  return {
    text: value.toFixed(digits) + (measure.unit && ` ${measure.unit}`),
    error: isNumber(error) ? ` ±${error.toFixed(Math.min(digits, 3))}` : '',
    title: meaning(column, measure),
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
