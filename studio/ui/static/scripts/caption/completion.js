// Offers the dataset's own tags while a caption is typed. Owns: the list below the text and its keys.
// Never in the way: Tab and Enter are taken only while a tag is marked, Escape puts the list away.
import {el} from '../core/dom.js';
import {fragmentAt, offers} from './completion_rules.js';

let numbers = 0;

export class Completion {
  /** Watches every text area inside of `host`; `tags()` → [{tag, key, count}]. */
  constructor(host, tags) {
    Object.assign(this, {host, tags, text: null, fragment: null, found: [], marked: -1});
    numbers += 1;
    this.list = el('div.cs-complete', {
      role: 'listbox',
      id: `cs-complete-${numbers}`,
      'aria-label': 'Tags of this dataset',
    });
    this.list.addEventListener('pointerdown', (event) => event.preventDefault()); // the text keeps the focus
    host.addEventListener('input', (event) => this.typed(event));
    host.addEventListener('keydown', (event) => this.pressed(event), true);
    host.addEventListener('focusout', () => this.close());
    host.addEventListener('scroll', ({target}) => this.text && target.contains(this.text) && this.close(), true);
  }
  get open() {
    return Boolean(this.found.length);
  }

  typed({target, isTrusted}) {
    if (target.tagName !== 'TEXTAREA' || target.readOnly) return;
    this.close();
    if (!isTrusted || target.selectionStart !== target.selectionEnd) return;
    const fragment = fragmentAt(target.value, target.selectionStart);
    if (!fragment) return;
    const {exact, tags} = offers(this.tags(), fragment, target.value);
    if (!tags.length) return;
    Object.assign(this, {text: target, fragment, found: tags});
    this.show();
    this.mark(exact ? -1 : 0); // what is a tag already may stay as it is
  }
  show() {
    const option = ({tag, count}, place) =>
      el(
        'div.cs-complete-option',
        {role: 'option', id: `${this.list.id}-${place}`, onclick: () => this.accept(place)},
        el('span', {}, tag),
        el('span.cs-muted.cs-number', {}, String(count)),
      );
    this.list.replaceChildren(...this.found.map(option));
    (this.text.closest('dialog') || this.host).append(this.list);
    const box = this.text.getBoundingClientRect();
    const fits = box.bottom + this.list.offsetHeight + 8 < innerHeight;
    Object.assign(this.list.style, {
      left: `${box.left}px`,
      top: `${fits ? box.bottom + 3 : box.top - this.list.offsetHeight - 3}px`,
      minWidth: `${Math.min(box.width, 320)}px`,
    });
    this.text.setAttribute('aria-controls', this.list.id);
    this.text.setAttribute('aria-expanded', 'true');
  }
  mark(place) {
    this.marked = place;
    for (const [at, option] of [...this.list.children].entries()) option.setAttribute('aria-selected', at === place);
    const id = place < 0 ? '' : `${this.list.id}-${place}`;
    if (id) this.text.setAttribute('aria-activedescendant', id);
    else this.text.removeAttribute('aria-activedescendant');
  }
  close() {
    if (!this.open) return;
    this.found = [];
    this.list.remove();
    for (const name of ['aria-controls', 'aria-expanded', 'aria-activedescendant']) this.text.removeAttribute(name);
  }

  pressed(event) {
    const {key} = event;
    if (!this.open || event.target !== this.text || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = {ArrowDown: 1, ArrowUp: -1}[key];
    if (by) {
      const count = this.found.length + 1; // one place is none of them
      this.mark(((this.marked + 1 + by + count) % count) - 1);
    } else if (key === 'Escape') this.close();
    else if (['Tab', 'Enter'].includes(key) && !event.shiftKey && this.marked >= 0) this.accept(this.marked);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
  accept(place) {
    const {text, fragment} = this;
    const {tag} = this.found[place];
    this.close();
    text.focus();
    text.setSelectionRange(fragment.start, fragment.end);
    // typed as by a person, so that it can be undone like typing
    if (!document.execCommand('insertText', false, tag)) {
      text.setRangeText(tag, fragment.start, fragment.end, 'end');
      text.dispatchEvent(new Event('input', {bubbles: true}));
    }
    this.close(); // the tag is written: nothing longer is offered for it
  }
}
