// What a form's settings differ in from a preset, and which of them have an effect now. Pure.
// `shown(key)` is what an input shows as text, undefined when it is not on the page; a field is what
// the server says of it: {key, folded, words, applies: [[key, values], …]}.

const isNumber = (text) => text !== '' && Number.isFinite(Number(text));

/** Whether two texts mean the same: 1, 1.0 and 1e0 do. */
export const sameText = (a, b) => a === b || (isNumber(a) && isNumber(b) && Number(a) === Number(b));

/** Whether a field has an effect with the other settings as they are. */
export function applies(field, shown) {
  const met = ([key, values]) => {
    const text = shown(key);
    const is = (value) => (value === '*' ? !sameText(text, '0') : sameText(String(value), text));
    return text === undefined || values.some(is);
  };
  return !field.applies.length || field.applies.some(met);
}

/** Whether a field shows something else than `wanted` (texts by key) says; without a word there it does not. */
export function differs(field, shown, wanted) {
  const text = shown(field.key);
  return text !== undefined && field.key in wanted && !sameText(text.trim(), wanted[field.key].trim());
}

/** Whether a field is found by all words. */
export const isFound = (field, words) => words.every((word) => field.words.includes(word));

export const foundText = (hits) => (hits ? `${hits} found` : 'No matching setting');

export const changedText = (count, preset) =>
  `${count} ${count === 1 ? 'setting differs' : 'settings differ'} from ${preset ? 'the preset' : 'the defaults'}`;
