// Which images of a dataset are meant: `tag:red AND NOT (name:IMG_* OR tokens:>75)`; the same in Python
// is `studio/caption/filter.py`, and both are tried on `tests/caption/filter_cases.json`. Pure.
// An item is {file, caption, tokens?, trigger?}: tokens of its caption, whether it has the trigger word.
import {FilterError, wordsOf} from './filter_words.js';

export const FIELDS = ['caption', 'tag', 'name', 'folder', 'tokens', 'tags', 'chars'];
const FLAGS = ['missing', 'trigger'];
const NUMBERS = ['tokens', 'tags', 'chars'];
const DEEPEST = 40; // brackets and NOTs inside each other
const NUMBER = /^(>=|<=|>|<|=)?([0-9]{1,9})$/;
const BLANK = /[ \t\r\n\u00a0\u3000]+/g;

const COMPARE = {
  '=': (one, other) => one === other,
  '>': (one, other) => one > other,
  '<': (one, other) => one < other,
  '>=': (one, other) => one >= other,
  '<=': (one, other) => one <= other,
};

/** The parts of a caption between its commas, with single blanks and as written. */
export const tagsOf = (caption) =>
  caption
    .split(',')
    .map((part) => part.replace(BLANK, ' ').replace(/^ | $/g, ''))
    .filter(Boolean);

/** A filter that was understood: {test(item), needs}, `needs` the places that ask for tokens or trigger.
 *  An empty one lets every image through. Throws FilterError at the place of a mistake. */
export function parseFilter(text) {
  const reader = new Reader(text);
  if (!reader.words.length) return {text, test: () => true, needs: {}};
  const test = reader.either(0);
  if (reader.next) throw reader.error('A bracket is closed that was not opened', reader.next);
  return {text, test, needs: reader.needs};
}

/** Reads words from left to right; each method returns a test. */
class Reader {
  constructor(text) {
    Object.assign(this, {words: wordsOf(text), place: 0, needs: {}});
  }
  get next() {
    return this.words[this.place] || null;
  }
  error(what, {at, end}, remedy = '') {
    return new FilterError(what, at, end, remedy);
  }
  take(kind) {
    const word = this.next;
    if (word?.kind !== kind) return null;
    this.place += 1;
    return word;
  }

  either(depth) {
    const tests = [this.both(depth)];
    for (let word = this.take('OR'); word; word = this.take('OR')) {
      this.needsMore(word);
      tests.push(this.both(depth));
    }
    return tests.length === 1 ? tests[0] : (item) => tests.some((test) => test(item));
  }
  both(depth) {
    const tests = [this.one(depth)];
    while (this.next && !['OR', ')'].includes(this.next.kind)) {
      const and = this.take('AND');
      if (and) this.needsMore(and);
      tests.push(this.one(depth));
    }
    return tests.length === 1 ? tests[0] : (item) => tests.every((test) => test(item));
  }
  /** After an operator something has to follow. */
  needsMore(word) {
    if (!this.next || ['AND', 'OR', ')'].includes(this.next.kind)) {
      throw this.error(`Nothing comes after ${word.kind}`, word);
    }
  }
  one(depth) {
    const word = this.next;
    if (depth > DEEPEST) throw this.error('Too many brackets inside each other', word);
    this.place += 1;
    if (word.kind === 'NOT') {
      this.needsMore(word);
      const inner = this.one(depth + 1);
      return (item) => !inner(item);
    }
    if (word.kind === '(') return this.brackets(word, depth);
    if (word.kind === ')') throw this.error('A bracket is closed that was not opened', word);
    if (word.kind !== 'term') {
      throw this.error(`Nothing comes before ${word.kind}`, word, `To find the word itself: "${word.text}".`);
    }
    return this.term(word);
  }
  brackets(opened, depth) {
    if (!this.next) throw this.error('A bracket is not closed', opened);
    if (this.next.kind === ')') throw this.error('There is nothing in the brackets', opened);
    const inner = this.either(depth + 1);
    if (!this.take(')')) throw this.error('A bracket is not closed', opened);
    return inner;
  }
  term(word) {
    const {field, text, quoted} = word;
    if (!field && !quoted && FLAGS.includes(text.toLowerCase())) return this.flag(word);
    if (field && !FIELDS.includes(field)) {
      const known = FIELDS.map((name) => `${name}:`).join(', ');
      const remedy = `Fields are ${known}. Put plain text with a colon in quotes.`;
      throw this.error(`There is no field “${field}:”`, word, remedy);
    }
    if (!text) throw this.error(field ? `Nothing comes after “${field}:”` : 'The quotes are empty', word);
    if (NUMBERS.includes(field)) return this.number(word);
    return TEXTS[field || 'caption'](plain(text));
  }
  flag(word) {
    if (word.text.toLowerCase() === 'missing') return (item) => !item.caption.replace(BLANK, '');
    this.needs.trigger ??= [word.at, word.end];
    return (item) => Boolean(item.trigger);
  }
  number(word) {
    const {field} = word;
    const found = NUMBER.exec(word.text);
    if (!found) throw this.error(`After “${field}:” comes a number`, word, `Such as ${field}:>75.`);
    const compare = COMPARE[found[1] || '='];
    const limit = Number(found[2]);
    if (field === 'tokens') {
      this.needs.tokens ??= [word.at, word.end];
      return (item) => typeof item.tokens === 'number' && compare(item.tokens, limit);
    }
    if (field === 'tags') return (item) => compare(tagsOf(item.caption).length, limit);
    return (item) => compare([...item.caption.normalize('NFC')].length, limit);
  }
}

const plain = (text) => text.normalize('NFC').toLowerCase();
const nameOf = (file) => file.slice(file.lastIndexOf('/') + 1);
const wild = (pattern) => /[*?]/.test(pattern);

/** Whether a whole text fits; `*` stands for any letters, `?` for one. */
function glob(pattern) {
  if (!wild(pattern)) return (text) => text === pattern;
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const compiled = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su');
  return (text) => compiled.test(text);
}

const TEXTS = {
  caption: (words) => (item) => plain(item.caption).includes(words),
  tag: (pattern) => {
    const fits = glob(pattern.replace(BLANK, ' ').replace(/^ | $/g, ''));
    return (item) => tagsOf(plain(item.caption)).some(fits);
  },
  name: (pattern) => {
    const fits = wild(pattern) ? glob(pattern) : (name) => name.includes(pattern);
    return (item) => fits(nameOf(plain(item.file)));
  },
  /** `folder:a` is the folder “a” with what is below it, `folder:.` what is in none. */
  folder: (pattern) => {
    const folder = pattern.replace(/^\/+|\/+$/g, '');
    if (['', '.'].includes(folder)) return (item) => !item.file.includes('/');
    const fits = glob(folder);
    return (item) => {
      const parts = plain(item.file).split('/').slice(0, -1);
      return parts.some((_, end) => fits(parts.slice(0, end + 1).join('/')));
    };
  },
};
