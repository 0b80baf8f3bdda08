// Texts of a grid: values as they are written, and what a cell is called. Pure.

/** `text` with one more value behind it; one that contains a comma is quoted. */
export function withValue(text, value, between) {
  const quoted = value.includes(',') ? `"${value}"` : value;
  return text.trim() ? `${text.trim()}${between}${quoted}` : quoted;
}

const PLACES = [
  ['x', 'x'],
  ['y', 'y'],
  ['pages', 'page'],
];

/** [[title, heading], …] of a cell along the sides that vary; `sides` as the server sends them. */
export const cellFacts = (cell, sides) =>
  PLACES.map(([side, place]) => [sides[side].title, sides[side].headings[cell[place]]]);

/** What a cell is called: what is varied, and to what. */
export function cellName(cell, sides) {
  const words = cellFacts(cell, sides).map(([title, heading]) => (title ? `${title} ${heading}` : heading));
  return words.filter(Boolean).join(', ');
}
