// Several captions of one image: a dialog with a row for each and how often it counts. Owns: that.
// Refuses to know: how captions are saved; their text has a line for each, as often as it counts.
import {closeBeside, el, openDialog} from '../core/dom.js';
import {count} from '../core/format.js';
import {icon} from '../core/icons.js';
import {captionsIn, textOf, weightsOf} from './bulk_words.js';

const SAYS = 'Training picks one of them at every step. A weight of 2 makes a caption come twice as often as one of 1.';

/** The button of a cell: how many captions an image has; `changed(text)` hears of what the dialog changes. */
export class SeveralButton {
  constructor(item, locked, changed) {
    Object.assign(this, {item, locked, changed});
    const open = {type: 'button', title: 'Captions of this image, with their weights', onclick: () => this.open()};
    this.node = el('button.cs-button.cs-quiet.cs-several', open);
    this.update();
  }
  update() {
    const number = captionsIn(this.item.caption);
    this.node.classList.toggle('cs-hidden', !this.item.several);
    this.node.textContent = number > 1 ? count(number, 'caption') : 'Add a caption';
  }

  open() {
    const {file} = this.item;
    this.rows = el('div.cs-stack', {style: {gap: '8px'}});
    for (const [text, weight] of weightsOf(this.item.caption)) this.row(text, weight);
    if (!this.rows.children.length) this.row('', 1);
    const add = {type: 'button', disabled: this.locked, onclick: () => this.row('', 1).focus()};
    const close = {type: 'button', onclick: () => dialog.close()};
    const bar = [
      el('button.cs-button', add, icon('plus', 14), 'Add a caption'),
      el('span.cs-spacer'),
      el('button.cs-button.cs-primary', close, 'Done'),
    ];
    const dialog = el(
      'dialog.cs-lightbox.cs-captions-of',
      {'aria-label': `Captions of ${file}`},
      el(
        'div.cs-stack',
        {},
        el('h3.cs-card-title', {style: {margin: '0'}}, `Captions of ${file}`),
        el('p.cs-small.cs-muted', {style: {margin: '0'}}, SAYS),
        this.rows,
        el('div.cs-toolbar', {}, bar),
      ),
    );
    closeBeside(dialog);
    openDialog(dialog);
    this.rows.querySelector('textarea').focus();
  }
  row(caption, weight) {
    const oninput = () => this.tell();
    const text = el('textarea.cs-input', {
      rows: 2,
      value: caption,
      readonly: this.locked,
      'aria-label': 'Caption',
      oninput,
    });
    const often = el('input.cs-input', {
      type: 'number',
      min: 0,
      max: 100,
      value: weight,
      disabled: this.locked,
      'aria-label': 'Weight',
      title: 'Weight',
      oninput,
    });
    const remove = {type: 'button', title: 'Remove', 'aria-label': 'Remove this caption', disabled: this.locked};
    remove.onclick = () => {
      row.remove();
      this.tell();
    };
    const row = el(
      'div.cs-caption-row',
      {},
      often,
      text,
      el('button.cs-button.cs-quiet.cs-icon', remove, icon('close', 14)),
    );
    this.rows.append(row);
    return text;
  }
  tell() {
    const rows = [...this.rows.children].map((row) => [
      row.querySelector('textarea').value,
      Number(row.querySelector('input').value),
    ]);
    this.changed(textOf(rows));
    this.update();
  }
}
