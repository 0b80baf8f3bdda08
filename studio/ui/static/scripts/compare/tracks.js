// The columns of a comparison as they are shown: in which order, which are hidden, and the checkpoints of one
// run as one column with a slider over their steps. A track is {key, name, columns: [places], steps}; `steps`
// is null for a column by itself. Pure.
import {measuredValue} from './measures.js';

const stepOf = (column) => (column.run && Number.isFinite(column.step) ? column.step : null);

/** Checkpoints of a run belong together where nothing but the step differs. */
function keyOf(column, place) {
  if (stepOf(column) === null) return `column ${place}`;
  const strengths = (column.stack || []).map((file) => `${file.strength}${file.enabled === false ? ' off' : ''}`);
  return `run ${column.run} ${strengths.join(' ')}`;
}

/** What all names begin with, without half a word, half a number or “step” at its end. */
export function commonName(names) {
  const [first] = names;
  let end = 0;
  while (end < first.length && names.every((name) => name[end] === first[end])) end += 1;
  const within = names.some((name) => /[\p{L}\p{N}.]/u.test(name[end] || ''));
  const shared = within ? first.slice(0, end).replace(/[\p{L}\p{N}.]+$/u, '') : first.slice(0, end);
  return shared.replace(/(^|[\s,·:(_-]+)(step)?[\s,·:(_-]*$/iu, '').trim();
}

/** What checkpoints of a run are called together: as their names begin, else as the run is called (`runs`: id →
 *  name; one that is gone by its id without the date), and what their names end with. */
function trackName(names, run, runs) {
  const shared = commonName(names);
  if (shared) return shared;
  const called = runs[run] || run.replace(/^\d{8}-\d{6}-/u, '');
  const [first] = names;
  let end = 0;
  while (end < first.length && names.every((name) => name.at(-1 - end) === first.at(-1 - end))) end += 1;
  return called + first.slice(first.length - end).replace(/^[\p{L}\p{N}.]+/u, ''); // no half a number
}

function track(key, places, columns, runs) {
  const grouped = places.length > 1;
  const ordered = grouped ? [...places].sort((a, b) => columns[a].step - columns[b].step) : places;
  const names = ordered.map((place) => columns[place].name);
  return {
    key: grouped ? key : `column ${places[0]}`,
    name: grouped ? trackName(names, columns[ordered[0]].run, runs) : names[0],
    columns: ordered,
    steps: grouped ? ordered.map((place) => columns[place].step) : null,
  };
}

/** All tracks in the order of the columns; `grouped` makes one of each run's checkpoints, `runs` names runs. */
export function tracksOf(columns, grouped, runs = {}) {
  const found = new Map();
  for (const [place, column] of columns.entries()) {
    const key = grouped ? keyOf(column, place) : `column ${place}`;
    found.set(key, [...(found.get(key) || []), place]);
  }
  return [...found].map(([key, places]) => track(key, places, columns, runs));
}

/** Whether there are checkpoints that can become one column. */
export const hasCheckpoints = (columns) => tracksOf(columns, true).some((one) => one.steps);

/** Which column of a track is shown; `steps` says the chosen place in each track, the last one is usual. */
export function shownColumn(one, steps) {
  const chosen = steps[one.key];
  return one.columns[Math.min(chosen ?? one.columns.length - 1, one.columns.length - 1)];
}

const byName = new Intl.Collator('en', {numeric: true, sensitivity: 'base'});

/** Tracks in another order: '' as they are, 'name', or the key of a measure, the better values first. Those
 *  without a value come last. */
export function sorted(tracks, order, {columns, steps, measures}) {
  if (order === 'name') return [...tracks].sort((a, b) => byName.compare(a.name, b.name));
  const measure = measures.find((one) => one.key === order);
  if (!measure) return tracks;
  const sign = measure.better === 'lower' ? 1 : -1;
  const value = (one) => {
    const found = measuredValue(columns[shownColumn(one, steps)], measure);
    return found === null ? Number.POSITIVE_INFINITY : sign * found;
  };
  const values = new Map(tracks.map((one) => [one.key, value(one)]));
  const compare = (a, b) => (a === b ? 0 : a - b); // infinities have no difference
  return [...tracks].sort((a, b) => compare(values.get(a.key), values.get(b.key)));
}
