// Where the keys lead in a grid. Pure.

/** The place that `key` leads to from `at` among `length` cells in `columns`, a page being `rows` high; null
 *  for a key that leads nowhere. */
export function leadsTo(key, at, {length, columns, rows}) {
  const last = length - 1;
  if (last < 0) return null;
  const by = {
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -columns,
    ArrowDown: columns,
    PageUp: -columns * rows,
    PageDown: columns * rows,
  }[key];
  if (key === 'Home') return 0;
  if (key === 'End') return last;
  if (by === undefined) return null;
  const next = at + by;
  if (next < 0) return Math.abs(by) > 1 ? at % columns : 0;
  if (next <= last) return next;
  if (Math.abs(by) === 1) return last;
  // down from the last full row goes to the end of the row below it
  const lastRow = Math.floor(last / columns);
  return Math.floor(at / columns) === lastRow ? at : Math.min(last, lastRow * columns + (at % columns));
}

/** What the keys of the grid do, as they are told. */
export const GRID_KEYS = [
  ['Arrows, Page up / down, Home, End', 'another image'],
  ['Space', 'select it, or not any more'],
  ['Shift + arrows', 'select all between'],
  ['Ctrl + A', 'select all that are shown'],
  ['Escape', 'clear the selection'],
  ['Enter', 'open it large'],
  ['F2', 'write its caption; Escape goes back'],
];
