// The tags of a dataset and how many captions have them, kept up to date while captions change. Pure.
import {tagsOf} from './filter.js';

const keyOf = (tag) => tag.normalize('NFC').toLowerCase();

export class TagIndex {
  constructor() {
    this.clear();
  }
  clear() {
    this.tags = new Map(); // key → {tag, count}
    this.known = new Map(); // file → caption that is counted
    this.sorted = null;
  }
  get size() {
    return this.tags.size;
  }

  /** Counts an item as its caption is now. */
  sync({file, caption}) {
    const before = this.known.get(file);
    if (before === caption) return;
    if (before !== undefined) this.add(before, -1);
    this.add(caption, 1);
    this.known.set(file, caption);
  }
  add(caption, by) {
    const seen = new Set();
    for (const tag of tagsOf(caption)) {
      const key = keyOf(tag);
      if (seen.has(key)) continue;
      seen.add(key);
      const found = this.tags.get(key) || {tag, key, count: 0};
      found.count += by;
      if (found.count > 0) this.tags.set(key, found);
      else this.tags.delete(key);
    }
    this.sorted = null;
  }

  /** Every {tag, key, count}, the most frequent first. */
  all() {
    this.sorted ??= [...this.tags.values()].sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
    return this.sorted;
  }
  /** Those that contain what is searched for. */
  found(text) {
    const words = keyOf(text.trim());
    return words ? this.all().filter(({key}) => key.includes(words)) : this.all();
  }
}

/** A caption with a tag put behind, or taken out where it is. */
export function toggleTag(caption, tag) {
  const wanted = keyOf(tag);
  const parts = tagsOf(caption);
  const left = parts.filter((part) => keyOf(part) !== wanted);
  return (left.length < parts.length ? left : [...parts, tag]).join(', ');
}

export const hasTag = (caption, tag) => tagsOf(caption).some((part) => keyOf(part) === keyOf(tag));
