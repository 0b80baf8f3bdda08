// Nine tags that a person pins to the keys 1 to 9, kept per dataset. Owns: which they are, and their row in
// the big view.
import {attempt} from '../core/calls.js';
import {el} from '../core/dom.js';
import {notice} from '../core/notices.js';
import {hasTag} from './tag_index.js';

export const PLACES = 9;

export class QuickTags {
  /** `keep(tags)` resolves with what is kept; `toggle(tag)` puts one into the caption that is open, or takes
   *  it out; `changed()` hears that others are pinned. */
  constructor({keep, toggle, changed}) {
    Object.assign(this, {keep, toggle, changed});
    this.tags = [];
    this.node = el('div.cs-quick-tags', {role: 'group', 'aria-label': 'Quick tags'});
  }
  opened(tags) {
    this.tags = tags;
    this.show('');
  }

  has(tag) {
    return this.tags.some((one) => hasTag(one, tag));
  }
  /** Pins a tag to the first free key, or takes it off its key. */
  async pin(tag) {
    const at = this.tags.findIndex((one) => hasTag(one, tag));
    const free = Array.from({length: PLACES}, (_, place) => place).find((place) => !this.tags[place]);
    if (at < 0 && free === undefined) {
      notice({what: 'All nine quick tags are taken', remedy: 'Take one off first.'}, 'warning');
      return;
    }
    await this.put(at < 0 ? free : at, at < 0 ? tag : '');
  }
  async put(place, tag) {
    const next = Array.from({length: Math.max(place + 1, this.tags.length)}, (_, at) => this.tags[at] || '');
    next[place] = tag;
    this.tags = await this.keep(next);
    this.changed();
  }
  /** The tag of a key, `number` 1 to 9. */
  use(number) {
    const tag = this.tags[number - 1];
    if (tag) this.toggle(tag);
  }

  /** The row, as it stands to a caption. */
  show(caption) {
    const places = Array.from({length: PLACES}, (_, place) => this.place(place, caption));
    this.node.replaceChildren(...places);
  }
  place(place, caption) {
    const tag = this.tags[place] || '';
    const number = el('span.cs-quick-key', {'aria-hidden': 'true'}, String(place + 1));
    if (!tag) {
      const label = {'aria-label': `Pin a tag to the key ${place + 1}`, title: 'Pin a tag to this key'};
      const onclick = (event) => this.write(event.currentTarget, place);
      return el('button.cs-quick-tag.is-free', {type: 'button', ...label, onclick}, number, '+');
    }
    const title = `${place + 1}: put “${tag}” into the caption, or take it out. Delete takes it off the key.`;
    const onkeydown = (event) => {
      if (event.key === 'Delete') attempt(() => this.put(place, ''));
    };
    const attributes = {type: 'button', title, 'aria-pressed': hasTag(caption, tag), onkeydown};
    return el('button.cs-quick-tag', {...attributes, onclick: () => this.use(place + 1)}, number, el('span', {}, tag));
  }
  /** A field in place of a free key. */
  write(button, place) {
    const input = el('input.cs-input.cs-quick-input', {'aria-label': `Tag for the key ${place + 1}`, maxlength: 200});
    let done = false;
    const end = (keep) => {
      if (done) return;
      done = true;
      if (keep && input.value.trim()) attempt(() => this.put(place, input.value));
      else this.changed();
    };
    input.addEventListener('keydown', (event) => {
      if (!['Enter', 'Escape'].includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      end(event.key === 'Enter');
    });
    input.addEventListener('blur', () => end(true));
    button.replaceWith(input);
    input.focus();
  }
}
