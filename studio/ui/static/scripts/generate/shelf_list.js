// The library's rows as values: reading what the server sends, filtering, ordering, what is in view.
// Pure.
import {compareNames} from '../core/format.js';

/** A row of the server's, short: `fields` names its places. */
export function cardOf(values, fields) {
  const card = Object.fromEntries(fields.map((name, k) => [name, values[k]]));
  card.text = `${card.name} ${card.kind} ${card.trigger} ${card.family_title}`.toLowerCase();
  return card;
}

/** Why a file cannot be used with a base of this family; '' when it can. */
export function misfit(card, family) {
  if (card.problem) return card.problem;
  const other = family && card.family_title && card.family_title !== family;
  return other ? `Made for ${card.family_title}; this base is ${family}.` : '';
}

const byName = (a, b) => compareNames(a.name, b.name);
const byAge = (a, b) => b.modified - a.modified || byName(a, b);

/** A new list in one of the orders `name` and `new`. */
export const ordered = (cards, order) => [...cards].sort(order === 'name' ? byName : byAge);

/** Those that have all `words`, the `kind` (or any), and, with `fits`, no misfit. */
export const filtered = (cards, {words, kind, fits, family}) =>
  cards.filter(
    (card) =>
      (!kind || card.kind === kind) &&
      (!fits || !misfit(card, family)) &&
      words.every((word) => card.text.includes(word)),
  );

/** First and last row (the last one not counted) that are in view, with a few around them. */
export function rowsInView({top, height, row, length}) {
  const first = Math.max(0, Math.floor(top / row) - 4);
  return [first, Math.min(length, first + Math.ceil(height / row) + 9)];
}

/** [kind, how many] for every kind there is, by name. */
export function kindCounts(cards) {
  const counts = new Map();
  for (const {kind} of cards) counts.set(kind, (counts.get(kind) || 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
