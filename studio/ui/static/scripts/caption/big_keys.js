// The keys of the big view. Pure.

export const BIG_KEYS = [
  ['← → ↑ ↓', 'previous and next image, outside of the caption'],
  ['Page up, Page down', 'the same, also while writing'],
  ['Enter', 'write the caption'],
  ['Ctrl + Enter', 'save and next image (with Shift: previous)'],
  ['Ctrl + S', 'save'],
  ['Tab', 'take the tag that is offered'],
  ['1 … 9', 'put a quick tag in, or take it out (with Alt while writing)'],
  ['Home, End', 'first and last image, outside of the caption'],
  ['Escape', 'back to the grid'],
  ['?', 'these keys, outside of the caption'],
];

const BY = {ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1};

/** What a key means: [action, number]; `writes` while the caption, or another field, has the focus. */
export function meaningOf({key, code = '', ctrlKey, metaKey, altKey, shiftKey}, writes) {
  const command = ctrlKey || metaKey;
  const digit = /^Digit([1-9])$/.exec(code)?.[1] || /^[1-9]$/.exec(key)?.[0];
  if (command && key === 'Enter') return ['go', shiftKey ? -1 : 1];
  if (command && key.toLowerCase() === 's') return ['save', 0];
  if (command) return null;
  if (key === 'PageDown') return ['go', 1];
  if (key === 'PageUp') return ['go', -1];
  if (digit && !shiftKey && (altKey || !writes)) return ['quick', Number(digit)];
  if (writes || altKey) return null;
  if (key in BY) return ['go', BY[key]];
  if (key === 'Home') return ['to', 0];
  if (key === 'End') return ['to', -1];
  if (key === '?') return ['help', 0];
  if (key === 'Enter') return ['write', 0];
  return null;
}
