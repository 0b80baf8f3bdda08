// The columns of a comparison as values. Pure.
// A column is {name, stack: [{path, strength, text_strength, enabled}], seconds}, of a run with its facts, or with
// a `folder` of images instead of a stack.
import {freeName} from '../core/names.js';

export const newItem = (path) => ({path, strength: 1, text_strength: null, enabled: true});

export const newColumn = (name, path) => ({name, stack: [newItem(path)], seconds: null});

export const baseColumn = () => ({name: 'Base', stack: [], seconds: null});

/** The facts of a run go with its column: what it was trained with, and how long. */
export function columnOf(source) {
  const column = {...newColumn(source.name, source.path), seconds: source.seconds ?? null};
  return source.run ? {...column, run: source.run, step: source.steps ?? null, method: source.kind || ''} : column;
}

/** Copies of a column at other shares of its strengths. */
export const atStrengths = (column, shares) =>
  shares.map((share) => ({
    ...column,
    name: `${column.name} × ${share}`.slice(0, 60),
    stack: column.stack.map((one) => ({...one, strength: Math.round(one.strength * share * 1000) / 1000})),
  }));

/** Columns with others behind them as long as there are not more than `most`, each with a name of its own. */
export function withColumns(columns, added, most) {
  const next = [...columns];
  for (const column of added.slice(0, Math.max(0, most - next.length))) {
    const taken = next.map((one) => one.name);
    next.push({...column, name: freeName(column.name, taken)});
  }
  return next;
}

export const withColumn = (columns, at, fields) => columns.map((one, k) => (k === at ? {...one, ...fields} : one));

export const withoutColumn = (columns, at) => columns.filter((_, k) => k !== at);

/** The column at `at` further left (`by` -1) or right. */
export function movedColumn(columns, at, by) {
  const next = [...columns];
  const [column] = next.splice(at, 1);
  next.splice(at + by, 0, column);
  return next;
}

/** A column's stack with the files that it does not have yet. */
export function withFiles(stack, paths) {
  const added = paths.filter((path) => !stack.some((one) => one.path === path));
  return [...stack, ...added.map(newItem)];
}

export const withoutFile = (stack, path) => stack.filter((one) => one.path !== path);

/** Columns in which a file is known by its new path. */
export const withRenamed = (columns, from, to) =>
  columns.map((column) => ({
    ...column,
    stack: column.stack.map((one) => (one.path === from ? {...one, path: to} : one)),
  }));

/** Sources that can be used and have all `words`. */
export const matching = (sources, words) =>
  sources.filter((source) => {
    const text = `${source.name} ${source.kind} ${source.trigger || ''} ${source.group}`.toLowerCase();
    return !source.problem && words.every((word) => text.includes(word));
  });

/** What “Compare” elsewhere in the studio asks for, among the sources: a run, or adapter files. */
export const wanted = (sources, {run, adapters = []}) =>
  sources.filter((source) =>
    run ? source.run === run : source.group === 'Adapters' && adapters.includes(source.path),
  );
