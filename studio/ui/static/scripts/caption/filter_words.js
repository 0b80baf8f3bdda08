// The words of a filter, and where each of them begins; the same in Python is
// `studio/caption/filter_words.py`, and both are tried on `tests/caption/filter_cases.json`. Pure.

export const LONGEST = 2000; // characters of a filter
export const OPERATORS = ['AND', 'OR', 'NOT'];
const BLANKS = ' \t\r\n\u00a0\u3000';
const FIELD = /^[A-Za-z]+:/;

/** What is wrong with a filter, and from which character to which one. */
export class FilterError extends Error {
  constructor(what, at, end, remedy = '') {
    super(what);
    Object.assign(this, {what, at, end: Math.max(end, at + 1), remedy});
  }
}

/** [{kind, text, at, end, field, quoted}]: `kind` is a bracket, an operator, or 'term'. */
export function wordsOf(text) {
  const letters = [...text]; // whole characters, as Python counts them
  if (letters.length > LONGEST) {
    throw new FilterError('This filter is too long', LONGEST, letters.length);
  }
  const found = [];
  let at = 0;
  while (at < letters.length) {
    const letter = letters[at];
    if (BLANKS.includes(letter)) {
      at += 1;
      continue;
    }
    const word = '()'.includes(letter) ? {kind: letter, text: letter, at, end: at + 1, field: ''} : term(letters, at);
    found.push(word);
    at = word.end;
  }
  return found;
}

function term(letters, at) {
  const named = FIELD.exec(letters.slice(at).join(''))?.[0] || '';
  const start = at + named.length;
  const field = named.slice(0, -1).toLowerCase();
  if (letters[start] === '"') {
    const [text, end] = quoted(letters, start);
    return {kind: 'term', text, at, end, field, quoted: true};
  }
  const end = bareEnd(letters, start);
  const text = letters.slice(start, end).join('');
  const kind = !named && OPERATORS.includes(text) ? text : 'term';
  return {kind, text, at, end, field, quoted: false};
}

function quoted(letters, start) {
  let text = '';
  for (let at = start + 1; at < letters.length; at += 1) {
    if (letters[at] === '\\' && ['"', '\\'].includes(letters[at + 1])) at += 1;
    else if (letters[at] === '"') return [text, at + 1];
    text += letters[at];
  }
  throw new FilterError('A quote is not closed', start, start + 1, 'Put a “"” behind it.');
}

/** Where a word without quotes ends; brackets inside of it belong to it: `miku_(vocaloid)`. */
function bareEnd(letters, start) {
  let depth = 0;
  let at = start;
  for (; at < letters.length && !BLANKS.includes(letters[at]); at += 1) {
    if (letters[at] === '(') {
      if (at === start || OPERATORS.includes(letters.slice(start, at).join(''))) break;
      depth += 1;
    } else if (letters[at] === ')') {
      if (!depth) break;
      depth -= 1;
    }
  }
  return at;
}

/** A value as it stands in a filter: in quotes where it has to be. */
export const quote = (text) =>
  /^[^\s()":\\]+$/.test(text) ? text : `"${text.replace(/["\\]/g, (letter) => `\\${letter}`)}"`;
