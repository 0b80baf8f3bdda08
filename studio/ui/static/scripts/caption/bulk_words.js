// What the card of edits says, and which steps do something. Pure.
import {count, formatTime} from '../core/format.js';

/** Whether a step cannot do anything: all fields it needs one of are empty. */
export const isIdle = ({needs}, values) => needs.length > 0 && !needs.some((name) => values[name]?.trim());

/** [what, more] of a past change. */
export function pastWords({what, by, says, time, replaced, added, undone, kept}) {
  const whose = by ? ` by ${by}` : '';
  const back =
    undone && `Taken back ${formatTime(undone)}${kept ? `; ${count(kept, 'caption')} changed since stayed` : ''}`;
  return [
    `${formatTime(time)}: ${count(replaced + added, 'caption')} ${what}${whose}`,
    [...says, back].filter(Boolean),
  ];
}

/** How many captions a text of several holds, each counted once. */
export const captionsIn = (text) => new Set(linesOf(text)).size;

/** How many captions have several lines now, before these become captions of their own. */
export function linesText(items, already) {
  const number = items.filter(({caption}) => linesOf(caption).length > 1).length;
  if (already || !number) return '';
  return ` (${count(number, 'caption has several lines', 'captions have several lines')} now)`;
}

const linesOf = (text) =>
  text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter(Boolean);

/** [[caption, weight], …] of a text with a line for each, as often as it counts. */
export function weightsOf(text) {
  const found = new Map();
  for (const line of linesOf(text)) found.set(line, (found.get(line) || 0) + 1);
  return [...found];
}

/** The text of captions with their weights; one that is empty, or of weight 0, is left out. */
export const textOf = (rows) =>
  rows
    .map(([text, weight]) => [text.split(/\s+/).filter(Boolean).join(' '), Math.min(100, Math.round(weight) || 0)])
    .filter(([text, weight]) => text && weight > 0)
    .flatMap(([text, weight]) => Array(weight).fill(text))
    .join('\n');
