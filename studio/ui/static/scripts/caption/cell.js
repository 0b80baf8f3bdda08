// One image with its caption. Owns: how they look. Refuses to know: where captions are kept.
import {fileUrl} from '../core/address.js';
import {el, sharpen} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {fileState, lacksChip} from './file_state.js';
import {SeveralButton} from './several.js';

/** `actions`: pick(event), open(), typed(text), left(), next(by), back(), settle(mine). */
export class Cell {
  constructor(item, locked, actions) {
    Object.assign(this, {item, locked, actions});
    this.status = el('span.cs-caption-status.cs-small', {'aria-live': 'polite'});
    this.tokens = el('span.cs-caption-tokens.cs-small.cs-muted.cs-number');
    this.image = el('span.cs-caption-image.cs-skeleton');
    this.marks = el('span.cs-caption-marks');
    this.state = el('div.cs-caption-state');
    const tick = el('span.cs-caption-tick', {'aria-hidden': 'true'}, icon('check', 14));
    const label = {title: `${item.file}: select (Space), open (Enter)`, 'aria-label': `Select ${item.file}`};
    this.pick = el(
      'button.cs-caption-pick',
      {type: 'button', ...label, onclick: actions.pick, ondblclick: actions.open},
      this.image,
      this.marks,
      tick,
    );
    this.text = el('textarea.cs-input', {
      rows: 3,
      readonly: locked,
      spellcheck: 'true',
      placeholder: 'No caption yet',
      'aria-label': `Caption of ${item.file}`,
      'aria-autocomplete': 'list',
      value: item.caption,
      oninput: () => {
        actions.typed(this.text.value);
        this.several.update();
      },
      onblur: actions.left,
      onkeydown: (event) => this.pressed(event),
    });
    const name = el('span.cs-caption-name.cs-small.cs-muted', {title: item.file}, item.file);
    this.several = new SeveralButton(item, locked, (text) => {
      this.text.value = text;
      actions.typed(text);
    });
    const foot = el('div.cs-caption-foot', {}, name, this.tokens, this.status, this.several.node);
    const inner = el('div.cs-caption-inner', {role: 'gridcell'}, this.pick, this.state, this.text, foot);
    this.node = el('div.cs-cell.cs-caption-cell', {role: 'row'}, inner);
    this.markEmpty();
    this.markLook();
    this.markWriter();
    this.markSaid();
    if (item.problem) this.breakOff(item.problem);
  }

  pressed(event) {
    if (event.key === 'Escape') {
      event.stopPropagation();
      this.actions.back();
    }
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.actions.next(event.shiftKey ? -1 : 1);
  }
  say(text, kind = '', title = '') {
    this.status.textContent = text;
    this.status.dataset.kind = kind;
    this.status.title = title;
  }
  /** What became of the caption on its way to disk, and whether its files are as they were. */
  markSaid() {
    const {said} = this.item;
    if (said) this.say(said.text, said.kind);
    const panel = fileState(this.item, this.actions.settle);
    this.state.replaceChildren(...(panel ? [panel] : []));
    this.node.classList.toggle('is-gone', Boolean(this.item.gone));
    this.text.readOnly = this.locked || Boolean(this.item.gone);
  }
  markEmpty() {
    this.node.classList.toggle('is-empty', !this.item.caption.trim());
  }
  markSelected(selected) {
    this.node.classList.toggle('is-selected', selected);
    this.pick.setAttribute('aria-pressed', selected);
  }
  /** The one cell of the grid that the Tab key reaches. */
  markCurrent(current) {
    this.pick.tabIndex = current ? 0 : -1;
    this.text.tabIndex = current ? 0 : -1;
  }
  /** `tokens` {text, long, title} of its caption; `lacks` the trigger word that it lacks. */
  markFacts(tokens, lacks) {
    this.tokens.textContent = tokens.text;
    this.tokens.title = tokens.title;
    this.tokens.classList.toggle('is-long', tokens.long);
    this.marks.replaceChildren(...(lacks && !this.item.problem ? [lacksChip(lacks)] : []));
  }
  /** An image for which the captioner found no usable words, until somebody writes some. */
  markLook() {
    const {look} = this.item;
    const told = this.status.dataset.kind === 'look';
    this.node.classList.toggle('is-look', Boolean(look));
    if (!look && told) this.say('');
    if (look && (told || !this.status.textContent)) this.say('Needs a look', 'look', look);
  }
  /** Which captioner wrote it, while it stands as it was written. */
  markWriter() {
    this.text.title = this.item.by ? `Written by ${this.item.by}` : '';
  }
  /** Another caption may have come from elsewhere; what is typed is in the item already. */
  refresh() {
    this.markLook();
    this.markWriter();
    this.several.update();
    this.markSaid();
    if (this.text.value === this.item.caption) return;
    this.text.value = this.item.caption;
    this.markEmpty();
    this.node.classList.add('is-new');
    setTimeout(() => this.node.classList.remove('is-new'), 1200);
  }
  /** The file is no image that can be trained on. */
  breakOff(reason) {
    const words = [icon('warn', 22), el('b', {}, 'Left out'), el('span', {}, reason)];
    this.image.classList.remove('cs-skeleton');
    this.image.replaceChildren(el('span.cs-caption-broken', {}, words));
    this.text.disabled = true;
  }
  /** `found` is {path} of a small copy, or {problem}. */
  show(found) {
    if (found.problem) {
      this.breakOff(found.problem);
      return;
    }
    const image = el('img', {alt: '', decoding: 'async', draggable: 'false'});
    image.onload = () => {
      this.image.classList.remove('cs-skeleton');
      sharpen(image, 160);
    };
    image.src = fileUrl(found.path);
    this.image.replaceChildren(image);
  }
  place([left, top], width, height) {
    const {style} = this.node;
    style.width = `${width}px`;
    style.height = `${height}px`;
    style.transform = `translate(${left}px, ${top}px)`;
  }
}
