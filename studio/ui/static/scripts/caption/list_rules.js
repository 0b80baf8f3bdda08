// Which images of a dataset are shown, and where in the grid. Pure.
// An item is {file, caption, problem?, look?, gone?}; a filter is {state, test?, only?}: `test(item)` what is
// written above the images (`filter.js`), `only` a set of files.

/** The states of the filter above the images. */
export const STATES = [
  ['all', 'All'],
  ['missing', 'Without caption'],
  ['selected', 'Selected'],
  ['look', 'Needs a look'],
  ['broken', 'Left out'],
];

const IN_STATE = {
  all: () => true,
  missing: (item) => !item.caption.trim(),
  selected: (item, selected) => selected.has(item.file),
  look: (item) => Boolean(item.look),
  broken: (item) => Boolean(item.problem),
};

export function filtered(items, {state, test = null, only = null}, selected) {
  return items.filter(
    (item) => (!only || only.has(item.file)) && IN_STATE[state](item, selected) && (!test || test(item)),
  );
}

/** What is selected after a click on `file`: it alone is turned, or with `anchor` all between them added. */
export function selection(selected, shown, file, anchor) {
  const next = new Set(selected);
  const at = (name) => shown.findIndex((item) => item.file === name);
  if (anchor === null) {
    if (!next.delete(file)) next.add(file);
    return next;
  }
  const [from, to] = [at(anchor), at(file)].sort((a, b) => a - b);
  for (const item of shown.slice(Math.max(0, from), to + 1)) next.add(item.file);
  return next;
}

export function countsOf(items, selected) {
  const some = (test) => items.filter(test).length;
  return {
    all: items.length,
    selected: selected.size,
    captioned: some((item) => item.caption.trim() && !item.problem),
    looks: some((item) => item.look),
    broken: some((item) => item.problem),
  };
}

const GAP = 12;
const SCROLLBAR = 14;
const FOOT = 102; // pixels below an image: caption and name
const TALLEST = 340;

/** Columns and sizes of cells that are wished `width` wide in a view of `room` pixels. */
export function layout(room, width) {
  const space = Math.max(200, room - SCROLLBAR);
  const columns = Math.max(1, Math.floor((space + GAP) / (width + GAP)));
  const cell = (space - GAP * (columns - 1)) / columns;
  return {columns, cell, gap: GAP, height: Math.round(Math.min(cell, TALLEST)) + FOOT};
}

/** Height of all cells together. */
export const totalHeight = ({columns, gap, height}, length) =>
  Math.max(0, Math.ceil(length / columns) * (height + gap) - gap);

/** First and last item (not counted) that are in view, with two rows around them. */
export function itemsInView({columns, gap, height}, top, view) {
  const row = height + gap;
  const first = Math.max(0, Math.floor(top / row) - 2);
  return [first * columns, (Math.ceil((top + view) / row) + 2) * columns];
}

/** Left and top of an item. */
export const placeOf = ({columns, cell, gap, height}, index) => [
  (index % columns) * (cell + gap),
  Math.floor(index / columns) * (height + gap),
];
