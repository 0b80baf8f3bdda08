// Two images of a comparison that are looked at closely. A side is {column, row}, or {image: {src, name}} for
// one that is pinned; `row` null is the row of the other side. Pure.
import {wrap} from '../core/values.js';

export const MODES = [
  ['one', 'One image'],
  ['slider', 'Slider'],
  ['flicker', 'Flicker'],
  ['difference', 'Difference'],
  ['beside', 'Side by side'],
];

/** What a click on a cell begins with: the pinned image or another column on the left, the cell on the right. */
export function pairFor(columns, {column, row}, pinned) {
  const other = column === 0 ? Math.min(1, columns - 1) : 0;
  const a = pinned ? {...pinned} : {column: other, row: null};
  return {a, b: {column, row}};
}

/** The row of a side. */
export const rowOf = (side, other) => side.row ?? other.row;

/** Both sides after the right one went to another row, or to another column: a left one that is the same
 *  image then makes room for the column that the right one left. */
export function turned({a, b}, {rows, columns}, {down = 0, across = 0}) {
  const next = {...b, row: wrap(b.row + down, rows), column: wrap(b.column + across, columns)};
  const same = !a.image && a.row === null && a.column === next.column && columns > 1;
  return {a: same ? {...a, column: b.column} : a, b: next};
}

export const swapped = ({a, b}) => ({a: {column: b.column, row: null}, b: {column: a.column, row: a.row ?? b.row}});
