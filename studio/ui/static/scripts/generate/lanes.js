// The lanes of the adapter stack as values: every change gives new lanes and leaves the old ones as
// they were, so that undo is a list of them. Pure.
// A lane is {name, prompt, stack: [item]}; an item is one adapter file, see `newItem`.
import {count, fileName} from '../core/format.js';
import {clone} from '../core/values.js';

export const EMPTY_LANE = {name: '', prompt: '', stack: []};

export const newItem = (path) => ({
  path,
  strength: 1,
  text_strength: null,
  enabled: true,
  aesthetic: {},
  start: 0,
  end: 1,
  blocks: {},
});

/** The place of a file in a lane, -1 when it is not there. */
export const placeOf = (lane, path) => lane.stack.findIndex((item) => item.path === path);

/** Lanes with other fields in one of them. */
export const withLane = (lanes, at, fields) => lanes.map((lane, k) => (k === at ? {...lane, ...fields} : lane));

/** Lanes with other fields in one item of one lane. */
export function withItem(lanes, at, path, fields) {
  const stack = lanes[at].stack.map((item) => (item.path === path ? {...item, ...fields} : item));
  return withLane(lanes, at, {stack});
}

export const withoutItem = (lanes, at, path) =>
  withLane(lanes, at, {stack: lanes[at].stack.filter((item) => item.path !== path)});

/** Lanes in which a file is known by its new path. */
export const withRenamed = (lanes, from, to) =>
  lanes.map((lane) => ({
    ...lane,
    stack: lane.stack.map((item) => (item.path === from ? {...item, path: to} : item)),
  }));

/** Lanes with one more file in one of them, in front of `index`. */
export function withAdded(lanes, at, path, index) {
  const stack = [...lanes[at].stack];
  stack.splice(index, 0, newItem(path));
  return withLane(lanes, at, {stack});
}

/** Moves or copies a file: {lanes, place} with its new place, or null when nothing changes.
 *  `index` counts places before it is taken out of its own lane. A copy is made into other lanes only. */
export function moved(lanes, {from, path, to, index, copy = false}) {
  const at = placeOf(lanes[from], path);
  if (at < 0) return null;
  const next = lanes.map((lane) => ({...lane, stack: [...lane.stack]}));
  const item = clone(lanes[from].stack[at]);
  if (from === to || !copy) next[from].stack.splice(at, 1);
  const place = from === to && index > at ? index - 1 : index;
  if (from === to && place === at) return null;
  next[to].stack.splice(place, 0, item);
  return {lanes: next, place};
}

/** The words that call the files which are switched on, each once; `known`: path → facts. */
export function triggersOf(lane, known) {
  const words = lane.stack.filter((item) => item.enabled).map((item) => known.get(item.path)?.trigger);
  return [...new Set(words.filter(Boolean))];
}

/** Two stacks with the same key give the same images, with and without the file. */
export const effectKey = (lane, path) =>
  JSON.stringify([lane.stack.filter((item) => item.enabled || item.path === path), path]);

/** What a file is called: as the server says, or by its path until it has said so. */
export const nameOf = (known, path) => known.get(path)?.name || fileName(path);

/** Where the order of cards decides, says so. `kinds` is the server's table: files of an `order` of
 *  `chain` work on what those before them give, of `word` the last one of a word is used. */
export function orderNote(item, items, known, kinds) {
  const facts = known.get(item.path);
  if (!item.enabled || !facts) return null;
  const {order, title} = kinds[facts.kind] || {};
  const others = items.filter((other) => other.enabled && known.get(other.path)?.kind === facts.kind);
  if (order === 'chain' && others.length > 1) {
    const place = `${title.toLowerCase()} ${others.indexOf(item) + 1} of ${others.length}`;
    return `Order counts: ${place}; each works on what those above it give.`;
  }
  const same = others.filter((other) => facts.trigger && known.get(other.path).trigger === facts.trigger);
  if (order !== 'word' || same.length < 2) return null;
  return same.at(-1) === item
    ? `Order counts: of ${count(same.length, 'file')} for “${facts.trigger}” this last one is used.`
    : `Not used: a file further down has the same word “${facts.trigger}”.`;
}

const isItem = (item) => typeof item?.path === 'string';
const isLane = (lane) =>
  typeof lane?.name === 'string' &&
  typeof lane.prompt === 'string' &&
  Array.isArray(lane.stack) &&
  lane.stack.every(isItem);

/** Lanes out of the text that a browser kept; null for what is none, or empty, or more than `most`. */
export function remembered(text, most) {
  let lanes;
  try {
    lanes = JSON.parse(text);
  } catch {
    return null;
  }
  const usable = Array.isArray(lanes) && lanes.length > 0 && lanes.length <= most && lanes.every(isLane);
  return usable && (lanes.length > 1 || lanes[0].stack.length > 0) ? lanes : null;
}
