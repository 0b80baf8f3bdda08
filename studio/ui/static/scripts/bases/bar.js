// How far something is: a bar, a line of words, and a button that ends it.
import {el} from '../core/dom.js';
import {amount, shareOf} from './base_words.js';

export class Bar {
  constructor(stop) {
    this.fill = el('i');
    this.words = el('span.cs-small.cs-muted.cs-number', {role: 'status'});
    const cancel = el('button.cs-button', {type: 'button', onclick: stop}, 'Cancel');
    this.node = el(
      'div.cs-stack.cs-hidden',
      {style: {gap: '6px'}},
      el('div.cs-progress', {}, this.fill),
      el('div.cs-toolbar', {}, this.words, el('span.cs-spacer'), cancel),
    );
  }
  show(done, total) {
    this.node.classList.remove('cs-hidden');
    this.fill.style.width = `${100 * shareOf(done, total)}%`;
    this.words.textContent = total ? amount(done, total) : 'Asking …';
  }
  hide() {
    this.node.classList.add('cs-hidden');
  }
}
