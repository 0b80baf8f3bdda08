// What a card says about its file: what loading it showed, and what was measured.
import {el} from '../core/dom.js';
import {count, formatShare} from '../core/format.js';
import {icon} from '../core/icons.js';

const MOST_LAYERS = 200;
const LAYERS = [
  ['fits', 'fit'],
  ['size', 'of another size'],
  ['missing', 'not in this base'],
];
const MEASURED =
  'Mean difference of a pixel between the pictures with and without this file, all else the same; ' +
  '100 % is black against white';

/** One line; `kind` is good or warn. */
export const noteLine = (kind, text) =>
  el('p.st-note', {'data-kind': kind}, icon(kind === 'good' ? 'check' : 'warn', 14), el('span', {}, text));

function folded(summary, keys, rest = 0) {
  const rows = keys.map((key) => el('li.cs-mono', {}, key));
  const list = el('ul', {}, rows, rest > 0 && el('li', {}, `and ${rest} more`));
  return el('details.st-details', {}, el('summary', {}, summary), list);
}

function layerLists(effect) {
  const layers = effect.layers || {};
  const lists = LAYERS.filter(([name]) => layers[name]?.length);
  if (lists.length < 2 && effect.difference !== null) return [];
  return lists.map(([name, words]) => {
    const keys = layers[name];
    return folded(`${count(keys.length, 'layer')} ${words}`, keys.slice(0, MOST_LAYERS), keys.length - MOST_LAYERS);
  });
}

/** What was measured: {difference, reason, layers: {fits, size, missing}}, or {running, text, share}. */
export function effectNotes(effect) {
  if (!effect) return [];
  if (effect.running) {
    const share = effect.share ? ` ${Math.round(effect.share * 100)} %` : '';
    return [el('p.st-note', {role: 'status'}, el('span', {}, effect.text + share))];
  }
  const lists = layerLists(effect);
  if (effect.difference === null) return [noteLine('warn', `Cannot be used here. ${effect.reason}`), ...lists];
  if (!effect.difference) return [noteLine('warn', `No effect. ${effect.reason}`), ...lists];
  const note = noteLine('good', `Changes the picture by ${formatShare(effect.difference)} (seed ${effect.seed})`);
  note.title = MEASURED;
  return [note, ...lists];
}

/** What is known of the file, what loading it showed (`report`), and where the order of cards counts. */
export function fileNotes(facts, report, order) {
  const first = order ? [el('p.st-note.st-order', {}, icon('up', 14), el('span', {}, order))] : [];
  const problem = facts.problem || report?.problem;
  if (problem) return [...first, noteLine('warn', problem)];
  if (!report) return first;
  if (!report.unmatched.length) return [...first, noteLine('good', report.message)];
  const unused = folded(`${report.unmatched_count || report.unmatched.length} not used`, report.unmatched);
  return [...first, noteLine('warn', report.message), unused];
}
