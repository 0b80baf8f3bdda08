// Prompts and counts as values. Pure.
import {count} from '../core/format.js';

/** Those pairs that have every word of `text` in them, whatever its case. */
export function matching(pairs, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const told = (pair) => `${pair.prompt}\n${pair.negative}`.toLowerCase();
  return pairs.filter((pair) => words.every((word) => told(pair).includes(word)));
}

/** The place `by` steps further back in a list; -1 is what was written before going back. */
export const stepped = (at, by, length) => Math.max(-1, Math.min(at + by, length - 1));

function countText({varies, tokens, room}) {
  const about = varies ? 'about ' : '';
  return room ? `${about}${tokens} / ${count(room, 'token')}` : about + count(tokens, 'token');
}

/** What is shown of the counts of prompt and negative prompt. */
export function countsText([prompt, negative]) {
  if (prompt.problem) return prompt.problem;
  const second = negative && !negative.problem && negative.tokens ? ` · negative ${countText(negative)}` : '';
  return countText(prompt) + second;
}
