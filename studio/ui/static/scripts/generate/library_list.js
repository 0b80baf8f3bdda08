// The library's rows as values: reading what the server sends, filtering, ordering, what is in view.
// Pure.
import {compareNames} from '../core/format.js';

/** A row of the server's, short: `fields` names its places. */
export function cardOf(values, fields) {
  const card = Object.fromEntries(fields.map((name, k) => [name, values[k]]));
  card.text = `${card.title} ${card.where} ${card.kind} ${card.trigger} ${card.family_title}`.toLowerCase();
  return card;
}

/** Why a file cannot be used with a base of this family; '' when it can. */
export function misfit(card, family) {
  if (card.problem) return card.problem;
  const other = family && card.family_title && card.family_title !== family;
  return other ? `Made for ${card.family_title}; this base is ${family}.` : '';
}

const byName = (a, b) => compareNames(a.title, b.title) || compareNames(a.where, b.where);
const byAge = (a, b) => b.modified - a.modified || byName(a, b);

/** A new list in one of the orders `name` and `new`. */
export const ordered = (cards, order) => [...cards].sort(order === 'name' ? byName : byAge);

/** Those that have all `words`, the `kind` and `folder` (or any); with `fits` no misfit, with
 *  `favourites` only these. */
export const filtered = (cards, {words, kind, folder, favourites, fits, family}) =>
  cards.filter(
    (card) =>
      (!kind || card.kind === kind) &&
      (!folder || card.folder === folder || card.folder.startsWith(`${folder}/`)) &&
      (!favourites || card.favourite) &&
      (!fits || !misfit(card, family)) &&
      words.every((word) => card.text.includes(word)),
  );

/** First and last row (the last one not counted) that are in view, with a few around them. */
export function rowsInView({top, height, row, length}) {
  const first = Math.max(0, Math.floor(top / row) - 4);
  return [first, Math.min(length, first + Math.ceil(height / row) + 9)];
}

/** Where a file lies, in short: below the folder of adapters its path there. */
export const placeOf = (card) => card.where.replace(/^adapters\//, '');

/** The titles, in lower case, that more than one card has. */
export function sharedTitles(cards) {
  const seen = new Set();
  const shared = new Set();
  for (const {title} of cards) {
    const key = title.toLowerCase();
    if (seen.has(key)) shared.add(key);
    seen.add(key);
  }
  return shared;
}

/** The folders in which something lies, and those around them, by name. */
export function foldersOf(cards) {
  const found = new Set();
  for (const {folder} of cards) {
    const parts = folder ? folder.split('/') : [];
    for (const k of parts.keys()) found.add(parts.slice(0, k + 1).join('/'));
  }
  return [...found].sort(compareNames);
}

/** [kind, how many] for every kind there is, by name. */
export function kindCounts(cards) {
  const counts = new Map();
  for (const {kind} of cards) counts.set(kind, (counts.get(kind) || 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
