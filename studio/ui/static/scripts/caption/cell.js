// One image with its caption. Owns: how they look. Refuses to know: where captions are kept.
import {fileUrl} from '../core/address.js';
import {el, sharpen} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {SeveralButton} from './several.js';

/** `actions`: pick(event), typed(text), left(), next(by). */
export class Cell {
  constructor(item, locked, actions) {
    this.item = item;
    this.status = el('span.cs-caption-status.cs-small', {'aria-live': 'polite'});
    this.image = el('span.cs-caption-image.cs-skeleton');
    const tick = el('span.cs-caption-tick', {'aria-hidden': 'true'}, icon('check', 14));
    const label = {title: `${item.file}: select`, 'aria-label': `Select ${item.file}`};
    this.pick = el('button.cs-caption-pick', {type: 'button', ...label, onclick: actions.pick}, this.image, tick);
    this.text = el('textarea.cs-input', {
      rows: 3,
      readonly: locked,
      spellcheck: 'true',
      placeholder: 'No caption yet',
      'aria-label': `Caption of ${item.file}`,
      value: item.caption,
      oninput: () => {
        actions.typed(this.text.value);
        this.several.update();
      },
      onblur: actions.left,
      onkeydown: (event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        actions.next(event.shiftKey ? -1 : 1);
      },
    });
    const name = el('span.cs-caption-name.cs-small.cs-muted', {title: item.file}, item.file);
    this.several = new SeveralButton(item, locked, (text) => {
      this.text.value = text;
      actions.typed(text);
    });
    const foot = el('div.cs-caption-foot', {}, name, this.status, this.several.node);
    this.node = el('div.cs-cell.cs-caption-cell', {}, this.pick, this.text, foot);
    this.markEmpty();
    this.markLook();
    this.markWriter();
    if (item.problem) this.breakOff(item.problem);
  }

  say(text, kind = '', title = '') {
    this.status.textContent = text;
    this.status.dataset.kind = kind;
    this.status.title = title;
  }
  markEmpty() {
    this.node.classList.toggle('is-empty', !this.item.caption.trim());
  }
  markSelected(selected) {
    this.node.classList.toggle('is-selected', selected);
    this.pick.setAttribute('aria-pressed', selected);
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
  /** Another caption came from the server; what is being typed stays. */
  refresh() {
    this.markLook();
    this.markWriter();
    this.several.update();
    if (this.text === document.activeElement || this.text.value === this.item.caption) return;
    this.text.value = this.item.caption;
    this.say('');
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
