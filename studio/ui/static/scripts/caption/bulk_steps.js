// The edits that were picked, one below the other, with their fields. Owns: how they look, their values.
// Refuses to know: what an edit does; Python says which there are.
import {el, fillOptions} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {isIdle} from './bulk_words.js';

const PICK = 'Add an edit…';

function inputOf({kind, hint, value, choices}) {
  if (kind === 'flag') return el('input.cs-checkbox', {type: 'checkbox', checked: value});
  if (kind === 'choice') {
    const select = el('select.cs-input');
    fillOptions(select, choices, value);
    return select;
  }
  if (kind === 'number') return el('input.cs-input', {type: 'number', min: 0, max: 4000, value});
  return el('input.cs-input', {placeholder: hint, value, spellcheck: 'false'});
}

const typedIn = ({kind}, input) => (kind === 'flag' ? input.checked : input.value);

/** `edits` are the rows that Python has; `changed()` hears of everything that is typed or picked. */
export class StepList {
  constructor(edits, changed) {
    Object.assign(this, {edits, changed});
    this.steps = []; // {edit, inputs, node}
    this.trigger = '';
    this.list = el('div.cs-stack', {style: {gap: '8px'}});
    this.pick = el('select.cs-input', {'aria-label': 'Add an edit', onchange: () => this.picked()});
    fillOptions(this.pick, [['', PICK], ...edits.map(({name, title}) => [name, title])]);
    this.node = el('div.cs-stack', {style: {gap: '8px'}}, this.list, this.pick);
    this.clear();
  }

  picked() {
    const name = this.pick.value;
    this.pick.value = '';
    if (!name) return;
    this.add(name).node.querySelector('input, select')?.focus();
    this.changed();
  }
  add(name) {
    const edit = this.edits.find((one) => one.name === name);
    const inputs = new Map(edit.fields.map((field) => [field, inputOf(field)]));
    const label = ([field, input]) =>
      field.kind === 'flag'
        ? el('label.cs-check', {}, input, el('span', {}, field.label))
        : el('label.cs-label', {}, field.label, input);
    const remove = {type: 'button', title: 'Remove', 'aria-label': `Remove “${edit.title}”`};
    const step = {edit, inputs};
    remove.onclick = () => this.remove(step);
    const head = [
      el('b', {}, edit.title),
      el('span.cs-spacer'),
      el('button.cs-button.cs-quiet.cs-icon', remove, icon('close', 14)),
    ];
    step.node = el(
      'div.cs-step',
      {'data-edit': name},
      el('div.cs-step-head', {}, head),
      el('p.cs-small.cs-muted', {}, edit.says),
      [...inputs].map(label),
    );
    for (const input of inputs.values()) input.addEventListener('input', this.changed);
    this.steps.push(step);
    this.list.append(step.node);
    this.name(this.trigger);
    return step;
  }
  remove(step) {
    this.steps = this.steps.filter((one) => one !== step);
    step.node.remove();
    this.changed();
  }
  clear() {
    this.list.replaceChildren();
    this.steps = [];
    this.add(this.edits[0].name);
  }
  /** Shows the dataset's trigger word where an empty field means it. */
  name(trigger) {
    this.trigger = trigger;
    for (const {edit, inputs} of this.steps.filter((step) => step.edit.name === 'trigger')) {
      inputs.get(edit.fields[0]).placeholder = trigger || 'this dataset names none';
    }
  }
  /** The steps that can do something, as Python reads them. */
  get values() {
    const found = this.steps.map(({edit, inputs}) => {
      const values = Object.fromEntries([...inputs].map(([field, input]) => [field.name, typedIn(field, input)]));
      return isIdle(edit, values) ? null : {edit: edit.name, ...values};
    });
    return found.filter(Boolean);
  }
}
