// Whole words of a prompt, in any script; `cat` is not in “category”. Pure.

const LETTER = '[\\p{L}\\p{N}_]';

export function lacksWord(text, word) {
  const plain = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return !new RegExp(`(?<!${LETTER})${plain}(?!${LETTER})`, 'iu').test(text);
}

export function withWord(text, word) {
  const before = text.trim();
  if (!before) return word;
  return `${before}${/[,.]$/.test(before) ? ' ' : ', '}${word}`;
}
