// Whether a caption has its trigger word, as training reads it; the same in Python is
// `studio/families/token_match.py`, and both are tried on `tests/caption/filter_cases.json`. Pure.

const LETTER = '[\\p{L}\\p{N}_]';
const patterns = new Map(); // word → RegExp

function patternOf(word) {
  const forms = [...new Set([word, word.normalize('NFC'), word.normalize('NFD')])];
  const written = forms.map((form) => form.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|');
  // a boundary is only asked for beside a letter: `<s1>` may touch anything
  const before = new RegExp(`^${LETTER}`, 'u').test(word) ? `(?<!${LETTER})(?<!${LETTER}-)` : '';
  const after = new RegExp(`${LETTER}$`, 'u').test(word) ? `(?!${LETTER})(?!-${LETTER})` : '';
  return new RegExp(`${before}(?:${written})${after}`, 'iu');
}

/** `[trigger]` in a caption stands for the word. */
export function hasTrigger(caption, word) {
  if (!patterns.has(word)) patterns.set(word, patternOf(word));
  return patterns.get(word).test(caption.replace(/\[trigger\]/gi, () => word));
}
