// The card that edits many captions at once. Owns: its fields and the preview of what would change.
// Refuses to know: how images are shown; Python makes the edits.
import {attempt} from '../core/calls.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {notice} from '../core/notices.js';
import {debounce} from '../core/timing.js';
import {undoneParts} from './auto_words.js';

const WHERE = 'Applies to the selected images, or to all when none is selected.';

const field = (label, node) => el('label.cs-label', {}, label, node);
const input = (placeholder) => el('input.cs-input', {placeholder});
const checkbox = () => el('input.cs-checkbox', {type: 'checkbox'});

/** `asks`: bulk({action, edit, files}) and undo() of the server.
 *  `around`: dataset(), selection(), save() what waits, refresh() the captions. */
export class BulkCard {
  constructor(asks, around) {
    Object.assign(this, {asks, around});
    this.facts = {}; // of the dataset: trigger, class_word
    this.turn = 0; // which question a preview has to belong to
    this.texts = {
      prefix: input('photo of …'),
      find: input('text'),
      replace: input('nothing'),
      remove: input('tag, another tag'),
    };
    this.trigger = checkbox();
    this.dedupe = checkbox();
    this.triggerLabel = el('span', {}, 'Add the trigger word where it is missing');
    this.preview = el('div.cs-stack', {style: {gap: '6px'}, 'aria-live': 'polite'});
    const apply = {type: 'button', disabled: true, onclick: () => attempt(() => this.apply())};
    this.applyButton = el('button.cs-button.cs-primary', apply, 'Apply');
    const undo = {type: 'button', onclick: () => attempt(() => this.undo(), this.undoButton)};
    this.undoButton = el('button.cs-button.cs-quiet.cs-hidden', undo, 'Undo');
    this.look = debounce(() => this.lookNow(), 350);
    this.node = this.lay();
    for (const node of [...Object.values(this.texts), this.trigger, this.dedupe]) {
      node.addEventListener('input', this.look);
    }
  }

  lay() {
    const {prefix, find, replace, remove} = this.texts;
    const check = (box, label) => el('label.cs-check', {}, box, label);
    const body = el(
      'div.cs-stack',
      {style: {gap: '10px'}},
      el('p.cs-small.cs-muted', {style: {margin: '0'}}, WHERE),
      field('Put in front', prefix),
      el('div.cs-pair', {}, field('Find', find), field('Replace with', replace)),
      field('Remove tags', remove),
      check(this.trigger, this.triggerLabel),
      check(this.dedupe, el('span', {}, 'Remove repeated tags')),
      this.preview,
      el('div.cs-toolbar', {}, this.applyButton, this.undoButton),
    );
    return el('details.cs-card.cs-fold', {}, el('summary', {}, 'Edit many at once'), body);
  }

  get edit() {
    const {prefix, find, replace, remove} = this.texts;
    const word = (name) => (this.trigger.checked ? this.facts[name] : '');
    return {
      prefix: prefix.value,
      find: find.value,
      replace: replace.value,
      whole_words: true,
      dedupe: this.dedupe.checked,
      remove: remove.value
        .split(',')
        .map((tag) => tag.trim())
        .filter(Boolean),
      trigger: word('trigger'),
      class_word: word('class_word'),
    };
  }
  get idle() {
    const {prefix, find, dedupe, trigger, remove} = this.edit;
    return !prefix.trim() && !find && !dedupe && !trigger && !remove.length;
  }
  ask(action) {
    return this.asks.bulk({action, edit: this.edit, files: [...this.around.selection()]});
  }

  async lookNow() {
    this.turn += 1;
    const {turn} = this;
    if (this.idle || !this.around.dataset()) {
      this.preview.replaceChildren();
      this.applyButton.disabled = true;
      this.applyButton.textContent = 'Apply';
      return;
    }
    await attempt(async () => {
      this.around.save();
      const found = await this.ask('preview');
      if (turn === this.turn) this.show(found);
    });
  }
  show({changes, examples}) {
    this.applyButton.disabled = !changes;
    this.applyButton.textContent = changes ? `Change ${count(changes, 'caption')}` : 'Nothing would change';
    const example = ({before, after}) =>
      el('div.cs-change.cs-small', {}, el('del', {}, before || 'no caption'), el('ins', {}, after || 'no caption'));
    this.preview.replaceChildren(...examples.map(example));
  }
  async apply() {
    const {changed, kept} = await this.ask('apply');
    const why = kept ? `${kept} had been edited meanwhile and ${kept === 1 ? 'was' : 'were'} left alone.` : '';
    notice({what: `${count(changed, 'caption')} changed`, why}, 'good');
    this.undoButton.classList.remove('cs-hidden');
    for (const node of Object.values(this.texts)) node.value = '';
    this.trigger.checked = false;
    this.dedupe.checked = false;
    this.look();
    this.around.refresh();
  }
  async undo() {
    notice(undoneParts(await this.asks.undo()), 'good');
    this.undoButton.classList.add('cs-hidden');
    this.around.refresh();
  }

  opened(data) {
    const {trigger} = data;
    if (data !== this.facts) this.undoButton.classList.add('cs-hidden'); // it is about another dataset
    this.facts = data;
    this.trigger.checked = false;
    this.trigger.disabled = !trigger;
    this.triggerLabel.textContent = trigger
      ? `Add “${trigger}” where it is missing`
      : 'This dataset names no trigger word';
    this.look();
  }
}
