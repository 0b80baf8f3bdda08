// Which tag somebody is writing, and which of the dataset's tags it may become. Pure.
import {tagsOf} from './filter.js';

const MOST = 8;
const LONGEST = 60; // characters of a tag that is offered: longer ones are sentences
const SHORTEST = 2; // letters before anything is offered, in scripts of letters
const keyOf = (tag) => tag.normalize('NFC').toLowerCase();

/** {text, start, end} of the tag that ends at the caret; null where nothing is to be completed. */
export function fragmentAt(value, caret) {
  const rest = /^[^,\n]*/.exec(value.slice(caret))[0];
  if (rest.trim()) return null; // in the middle of something
  const start = Math.max(value.lastIndexOf(',', caret - 1), value.lastIndexOf('\n', caret - 1)) + 1;
  const blank = /^\s*/.exec(value.slice(start, caret))[0].length;
  const text = value.slice(start + blank, caret);
  const short = /^[ -~]*$/.test(text) ? SHORTEST : 1;
  return text.trim().length < short ? null : {text, start: start + blank, end: caret};
}

/** The tags that are offered for a fragment, likely ones first; `exact` when it is a tag already. `tags`
 *  are {tag, key, count}, the most frequent first. */
export function offers(tags, fragment, value) {
  const wanted = keyOf(fragment.text.trimEnd());
  const others = value.slice(0, fragment.start) + value.slice(fragment.end);
  const there = new Set(tagsOf(others).map(keyOf));
  const first = [];
  const inside = [];
  let exact = false;
  for (const one of tags) {
    const {key} = one;
    if (key === wanted) exact = true;
    if (key === wanted || key.length > LONGEST || there.has(key)) continue;
    if (key.startsWith(wanted)) first.push(one);
    else if (inside.length < MOST && wanted.length > 2 && key.includes(` ${wanted}`)) inside.push(one);
    if (first.length >= MOST) break;
  }
  return {exact, tags: [...first, ...inside].slice(0, MOST)};
}
