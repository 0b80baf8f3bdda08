// The card that lists a dataset's tags: how often each is used, where, and changing one in all captions.
// Owns: how it looks. Refuses to know: how captions are edited; the counts are `tag_index.js`.
import {attempt} from '../core/calls.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {iconButton} from '../core/icons.js';
import {notice} from '../core/notices.js';
import {debounce} from '../core/timing.js';

const MOST = 100; // rows at once
const UNDO = '“Undo” under “Edit many at once” brings the captions back.';

export class TagList {
  /** `index`: a TagIndex; `quick`: QuickTags. `around`: use(tag) shows the images that have it,
   *  edit(step) changes all captions and resolves with {changed, kept}. */
  constructor(index, quick, around) {
    Object.assign(this, {index, quick, around});
    this.locked = false;
    this.search = el('input.cs-input', {type: 'search', placeholder: 'Find a tag', 'aria-label': 'Find a tag'});
    this.search.addEventListener('input', () => this.show());
    this.list = el('ul.cs-tags');
    this.rest = el('p.cs-small.cs-muted', {style: {margin: '0'}});
    this.number = el('span.cs-small.cs-muted.cs-number.cs-tags-number');
    this.node = el(
      'details.cs-card.cs-fold.cs-hidden',
      {ontoggle: () => this.show()},
      el('summary', {}, 'Tags', this.number),
      el('div.cs-stack', {style: {gap: '8px'}}, this.search, this.list, this.rest),
    );
    this.later = debounce(() => this.show(), 250);
  }

  opened(locked) {
    this.locked = locked;
    this.search.value = '';
    this.node.classList.remove('cs-hidden');
    this.list.replaceChildren();
  }
  /** The captions are others by now. */
  changed() {
    this.later();
  }
  show() {
    this.number.textContent = this.index.size ? String(this.index.size) : '';
    if (!this.node.open || this.list.querySelector('input')) return; // somebody is writing there
    const held = document.activeElement?.closest?.('.cs-tag')?.dataset.tag;
    const found = this.index.found(this.search.value);
    this.list.replaceChildren(...found.slice(0, MOST).map((one) => this.row(one)));
    const more = found.length - MOST;
    const none = this.index.size ? 'No tag is like that.' : 'There is no tag yet.';
    this.rest.textContent = more > 0 ? `and ${more} more: write a part of one to find it` : found.length ? '' : none;
    if (held) this.list.querySelector(`[data-tag="${CSS.escape(held)}"] button`)?.focus();
  }

  row({tag, count: number}) {
    const use = {
      type: 'button',
      title: `Show ${count(number, 'image')} with “${tag}”`,
      onclick: () => this.around.use(tag),
    };
    const pinned = this.quick.has(tag);
    const pin = () => attempt(() => this.quick.pin(tag));
    const pinButton = iconButton('pin', pinned ? `Take “${tag}” off its key` : `Pin “${tag}” as a quick tag`, pin);
    pinButton.setAttribute('aria-pressed', pinned);
    const row = el(
      'li.cs-tag',
      {'data-tag': tag},
      el('button.cs-link.cs-tag-name', use, tag),
      el('span.cs-small.cs-muted.cs-number', {}, String(number)),
      pinButton,
      !this.locked && iconButton('text', `Rename “${tag}” in all captions`, () => this.rename(row, tag)),
      !this.locked &&
        iconButton('trash', `Remove “${tag}” from all captions`, () => attempt(() => this.remove(tag, number))),
    );
    return row;
  }
  rename(row, tag) {
    const input = el('input.cs-input', {value: tag, 'aria-label': `New name of “${tag}”`, maxlength: 200});
    const stop = () => {
      row.replaceChildren();
      this.show();
    };
    const onsubmit = (event) => {
      event.preventDefault();
      const wanted = input.value.trim();
      stop();
      if (wanted && wanted !== tag) attempt(() => this.change({edit: 'rename', tag, to: wanted}));
    };
    input.addEventListener('keydown', (event) => event.key === 'Escape' && stop());
    row.replaceChildren(el('form.cs-path', {onsubmit}, input, el('button.cs-button', {type: 'submit'}, 'Rename')));
    input.select();
  }
  async remove(tag, number) {
    if (confirm(`Remove “${tag}” from ${count(number, 'caption')}? The earlier captions can be brought back.`)) {
      await this.change({edit: 'remove', tags: [tag]});
    }
  }
  async change(step) {
    const {changed, kept} = await this.around.edit(step);
    const why = kept
      ? `${kept} had been edited meanwhile and ${kept === 1 ? 'was' : 'were'} left alone. ${UNDO}`
      : UNDO;
    notice({what: `${count(changed, 'caption')} changed`, why}, 'good');
  }
}
