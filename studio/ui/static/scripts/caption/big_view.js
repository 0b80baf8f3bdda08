// One image large, with its caption beside it: a modal dialog over the images that the grid shows. Owns: which
// image is open, its keys and layout. Refuses to know: how captions are saved, tokens, tags.
import {fileUrl} from '../core/address.js';
import {partsOf} from '../core/calls.js';
import {el, fitImage, openDialog} from '../core/dom.js';
import {iconButton} from '../core/icons.js';
import {message} from '../core/notices.js';
import {BIG_KEYS, meaningOf} from './big_keys.js';
import {fileState, lacksChip} from './file_state.js';
import {button} from './panels.js';

/** A table of keys, as it stands in both views. */
export const keyTable = (keys) =>
  el(
    'dl.cs-keys.cs-small',
    {},
    keys.flatMap(([key, does]) => [el('dt', {}, key), el('dd', {}, does)]),
  );

export class BigView {
  /** `grid` and `saving` are those of the tab; `large(file)` resolves with {path}; `facts(item)` →
   *  [tokens, lacks]; `quick`: QuickTags; `host` is where the dialog stands. */
  constructor({grid, saving, large, facts, quick, host}) {
    Object.assign(this, {grid, saving, large, facts, quick, host});
    this.dialog = null;
    this.item = null;
    this.at = 0; // its place among those that are shown
    this.turn = 0; // which image an answer has to belong to
    this.extras = []; // [(item) → node, or null]: what others show below the caption
    this.lay();
  }
  /** Another part of the tab shows a button or more for the image that is open: `part(item)` → node, or null. */
  extend(part) {
    this.extras.push(part);
  }
  get open() {
    return Boolean(this.dialog);
  }

  lay() {
    this.image = el('img.cs-big-image', {alt: '', draggable: 'false'});
    this.image.addEventListener('load', () => fitImage(this.image, 16));
    this.stage = el('div.cs-big-stage', {tabindex: '-1', 'aria-label': 'Image'}, this.image);
    this.place = el('span.cs-small.cs-muted.cs-number');
    this.name = el('b.cs-big-name');
    this.status = el('span.cs-caption-status.cs-small', {'aria-live': 'polite'});
    this.tokens = el('span.cs-small.cs-muted.cs-number');
    this.marks = el('span');
    this.state = el('div');
    this.more = el('div.cs-toolbar.cs-big-more');
    this.text = el('textarea.cs-input', {rows: 8, spellcheck: 'true', placeholder: 'No caption yet'});
    this.text.setAttribute('aria-autocomplete', 'list');
    this.text.addEventListener('input', () => this.typed());
    this.text.addEventListener('blur', () => this.item && this.saving.store(this.item));
    this.keys = el('details.cs-fold', {}, el('summary', {}, 'Keys'), keyTable(BIG_KEYS));
  }
  side() {
    const next = (by, label) => button(label, () => this.go(by), {kind: by > 0 ? '.cs-primary' : ''});
    return el(
      'div.cs-big-side.cs-stack',
      {},
      el('div.cs-big-head', {}, this.name, this.place),
      this.text,
      el('div.cs-caption-foot', {}, this.tokens, this.marks, el('span.cs-spacer'), this.status),
      this.state,
      this.quick.node,
      this.more,
      el('div.cs-toolbar', {}, next(-1, 'Previous'), next(1, 'Next')),
      this.keys,
    );
  }

  /** Opens the view at an item. */
  show(item) {
    if (!this.dialog) {
      const close = () => this.dialog.close();
      this.dialog = el(
        'dialog.cs-big',
        {'aria-label': 'Image and caption'},
        this.stage,
        this.side(),
        iconButton('close', 'Close (Esc)', close, '.cs-big-close'),
      );
      this.dialog.addEventListener('keydown', (event) => this.pressed(event));
      this.dialog.addEventListener('close', () => this.closed());
      openDialog(this.dialog, this.host);
    }
    this.fill(item);
    this.stage.focus();
  }
  closed() {
    const {item} = this;
    this.saving.store(item);
    Object.assign(this, {dialog: null, item: null});
    this.grid.refilter();
    this.grid.sync();
    const at = this.grid.at(item.file);
    this.grid.go(at < 0 ? Math.min(this.at, this.grid.shown.length - 1) : at);
  }

  async fill(item) {
    this.turn += 1;
    const {turn} = this;
    this.item = item;
    this.grid.current = item.file;
    this.name.textContent = item.file;
    this.name.title = item.file;
    this.text.value = item.caption;
    this.text.readOnly = this.grid.locked || Boolean(item.problem || item.gone);
    this.text.setAttribute('aria-label', `Caption of ${item.file}`);
    this.sync(item);
    this.more.replaceChildren(...this.extras.map((part) => part(item)).filter(Boolean));
    const small = this.grid.copies.get(item.file)?.path;
    this.image.hidden = !small;
    if (small) this.image.src = fileUrl(small);
    for (const one of this.stage.querySelectorAll('.cs-notice')) one.remove();
    try {
      const {path} = await this.large(item.file);
      if (turn !== this.turn) return;
      this.image.hidden = false;
      this.image.src = fileUrl(path);
    } catch (error) {
      if (turn !== this.turn) return;
      this.image.hidden = true;
      this.stage.append(message(partsOf(error, 'This image cannot be shown')));
    }
  }
  /** Shows anew what is known of the item that is open. */
  sync(item) {
    if (!this.item || (item && item !== this.item)) return;
    const {said, conflict, caption} = this.item;
    const at = this.grid.at(this.item.file);
    if (at >= 0) this.at = at;
    this.place.textContent = at < 0 ? 'not among those shown' : `${at + 1} of ${this.grid.shown.length}`;
    if (this.text.value !== caption) this.text.value = caption; // what is typed is in it already
    this.status.textContent = said?.text || '';
    this.status.dataset.kind = said?.kind || '';
    const [tokens, lacks] = this.facts(this.item);
    this.tokens.textContent = tokens.text && `tokens ${tokens.text}`;
    this.tokens.title = tokens.title;
    this.tokens.classList.toggle('is-long', tokens.long);
    this.marks.replaceChildren(...(lacks ? [lacksChip(lacks)] : []));
    const panel = fileState(this.item, (mine) => this.settle(mine));
    this.state.replaceChildren(...(panel ? [panel] : []));
    if (this.item.gone) this.text.readOnly = true;
    if (conflict === undefined) this.quick.show(caption);
  }
  async settle(mine) {
    const {item} = this;
    await this.saving.settle(item, mine);
    this.text.value = item.caption;
    this.sync(item);
    this.text.focus();
  }

  typed() {
    this.saving.typed(this.item, this.text.value);
    this.sync(this.item);
    this.grid.changed();
  }
  /** Writes another caption for the item that is open, as if it had been typed. */
  write(caption) {
    if (this.text.readOnly) return;
    this.text.value = caption;
    this.typed();
  }
  /** To the item `by` places further; its caption has the focus where the one before had it. */
  go(by) {
    const at = this.grid.at(this.item.file);
    this.to((at < 0 ? this.at - (by > 0 ? 1 : 0) : at) + by);
  }
  to(place) {
    const writes = document.activeElement === this.text;
    this.saving.store(this.item);
    const item = this.grid.shown[place];
    if (!item) return;
    this.fill(item);
    if (writes) this.text.setSelectionRange(this.text.value.length, this.text.value.length);
  }

  pressed(event) {
    const writes = event.target.matches('textarea, input, select');
    const found = meaningOf(event, writes);
    if (!found || (found[0] === 'write' && event.target !== this.stage)) return;
    const [action, number] = found;
    event.preventDefault();
    if (action === 'go') this.go(number);
    else if (action === 'to') this.to(number < 0 ? this.grid.shown.length - 1 : number);
    else if (action === 'save') this.saving.store(this.item);
    else if (action === 'quick') this.quick.use(number);
    else if (action === 'help') this.keys.open = !this.keys.open;
    else this.text.focus();
  }
}
