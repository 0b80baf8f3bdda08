// The card that edits many captions at once. Owns: the preview of what would change, and applying it.
// Refuses to know: how images are shown; Python makes the edits.
import {attempt, call, partsOf} from '../core/calls.js';
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {message, notice} from '../core/notices.js';
import {debounce} from '../core/timing.js';
import {StepList} from './bulk_steps.js';
import {PastChanges} from './past_changes.js';

const WHERE = 'Applies to the selected images, or to all when none is selected. Edits are made from top to bottom.';
const NOT_TRIED = 'This cannot be done';

/** `server` makes the edits, of which `edits` are the rows.
 *  `around`: dataset(), selection(), save() what waits, refresh() the captions. */
export class BulkCard {
  constructor(server, around, edits) {
    Object.assign(this, {server, around});
    this.facts = {}; // of the dataset: trigger
    this.turn = 0; // which question a preview has to belong to
    this.preview = el('div.cs-stack', {style: {gap: '6px'}, 'aria-live': 'polite'});
    const apply = {type: 'button', disabled: true, onclick: () => attempt(() => this.apply())};
    this.applyButton = el('button.cs-button.cs-primary', apply, 'Apply');
    this.look = debounce(() => this.lookNow(), 350);
    this.steps = new StepList(edits, this.look);
    this.past = new PastChanges(server, around);
    const where = el('p.cs-small.cs-muted', {style: {margin: '0'}}, WHERE);
    const parts = [where, this.steps.node, this.preview, this.applyButton, this.past.node];
    const body = el('div.cs-stack', {style: {gap: '10px'}}, parts);
    this.node = el('details.cs-card.cs-fold', {}, el('summary', {}, 'Edit many at once'), body);
  }

  ask(action) {
    const {dataset, selection} = this.around;
    const asked = {dataset: dataset(), action, steps: this.steps.values, files: [...selection()]};
    return call(this.server.edit_captions(asked));
  }
  idle() {
    this.applyButton.disabled = true;
    this.applyButton.textContent = 'Apply';
    this.preview.replaceChildren();
  }

  async lookNow() {
    this.turn += 1;
    const {turn} = this;
    if (!this.steps.values.length || !this.around.dataset()) {
      this.idle();
      return;
    }
    try {
      this.around.save();
      const found = await this.ask('preview');
      if (turn === this.turn) this.show(found);
    } catch (error) {
      if (turn !== this.turn) return;
      this.idle();
      this.preview.replaceChildren(message(partsOf(error, NOT_TRIED), 'error')); // while a pattern is typed
    }
  }
  show({changes, examples}) {
    this.applyButton.disabled = !changes;
    this.applyButton.textContent = changes ? `Change ${count(changes, 'caption')}` : 'Nothing would change';
    const example = ({file, before, after}) =>
      el(
        'div.cs-change.cs-small',
        {title: file},
        el('del', {}, before || 'no caption'),
        el('ins', {}, after || 'no caption'),
      );
    const more = changes - examples.length;
    const rest = more > 0 && el('span.cs-small.cs-muted', {}, `and ${count(more, 'more caption', 'more captions')}`);
    this.preview.replaceChildren(...[...examples.map(example), rest].filter(Boolean));
  }
  async apply() {
    const {changed, kept} = await this.ask('apply');
    const why = kept ? `${kept} had been edited meanwhile and ${kept === 1 ? 'was' : 'were'} left alone.` : '';
    notice({what: `${count(changed, 'caption')} changed`, why}, 'good');
    this.steps.clear();
    this.turn += 1;
    this.idle();
    await this.past.opened();
    this.around.refresh();
  }

  opened(data) {
    const other = data !== this.facts;
    this.facts = data;
    this.steps.name(data.trigger);
    if (other) this.past.forget();
    this.look();
  }
}
