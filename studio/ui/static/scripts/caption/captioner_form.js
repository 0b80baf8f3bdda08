// Which captioner describes, and what it is asked. Owns: these fields, and that they are remembered in the
// browser, all but the key. Refuses to know: images, how a captioning is started.
import {el, fillOptions} from '../core/dom.js';
import {recall, remember} from '../core/memory.js';
import {debounce} from '../core/timing.js';
import {kindOf, MAIN, MORE, OWN, questionChoice, settingsOf} from './captioner_rules.js';

const STORE = 'cs-captioner';
const KEY_HELP = 'Sent to this host alone and kept until the page is closed.';
const PLACES = 'Filled in: {caption} there now, its {tags}, {trigger}, {name}, {folder}';

export class CaptionerForm {
  /** `facts`: kinds, questions and fields of the server. `host(address)` says where images would go. */
  constructor({kinds, questions, fields}, host) {
    Object.assign(this, {kinds, questions, fields, host});
    this.inputs = {};
    this.rows = {};
    this.kind = el('select.cs-input', {'aria-label': 'Captioner'});
    fillOptions(
      this.kind,
      kinds.map(({name, title}) => [name, title]),
    );
    this.says = el('p.cs-small.cs-muted', {style: {margin: '0'}});
    this.where = el('p.cs-small.cs-where', {style: {margin: '0'}, 'aria-live': 'polite'});
    this.key = el('input.cs-input', {type: 'password', autocomplete: 'off', spellcheck: 'false', title: KEY_HELP});
    this.keyRow = el('label.cs-label', {}, 'Key (if it wants one)', this.key);
    this.examples = el('datalist', {id: 'cs-captioner-models'});
    this.lookUp = debounce(() => this.showHost(), 300);
    this.node = this.lay();
    this.restore();
    this.node.addEventListener('input', () => this.changed());
  }

  lay() {
    for (const name of [...MAIN, ...MORE]) this.rows[name] = this.row(name);
    this.inputs.model.setAttribute('list', this.examples.id);
    this.inputs.address.addEventListener('input', this.lookUp);
    this.presets = el('select.cs-input', {'aria-label': 'Question', onchange: () => this.choosePreset()});
    const choices = this.questions.map(({name, title}) => [name, title]);
    fillOptions(this.presets, [['', 'The captioner’s own question'], ...choices, [OWN, 'My own question']]);
    this.rows.question.prepend(el('label.cs-label', {}, 'Question', this.presets));
    this.more = el('details.cs-small', {}, el('summary', {style: {cursor: 'pointer'}}, 'More options'));
    this.more.append(
      el(
        'div.cs-stack',
        {style: {gap: '8px', 'margin-top': '8px'}},
        MORE.map((name) => this.rows[name]),
      ),
    );
    const main = MAIN.map((name) => [this.rows[name], name === 'address' && [this.where, this.keyRow]]);
    const label = el('label.cs-label', {}, 'Captioner', this.kind);
    return el('div.cs-stack', {style: {gap: '10px'}}, label, this.says, main, this.more, this.examples);
  }
  row(name) {
    const {label, help, unit, value, min, max} = this.fields[name];
    const words = (label || name.charAt(0).toUpperCase() + name.slice(1)) + (unit ? ` (${unit})` : '');
    if (typeof value === 'boolean') {
      this.inputs[name] = el('input.cs-checkbox', {type: 'checkbox'});
      return el('label.cs-check', {title: help}, this.inputs[name], el('span', {}, help.replace(/\.$/, '')));
    }
    if (name === 'question') {
      const text = {rows: 3, 'aria-label': 'Own question', placeholder: PLACES, title: help};
      this.inputs[name] = el('textarea.cs-input', text);
      return el('div.cs-stack', {style: {gap: '6px'}}, this.inputs[name]);
    }
    const number = typeof value === 'number' && {type: 'number', step: Number.isInteger(value) ? 1 : 'any', min, max};
    const list = Array.isArray(value) && {placeholder: 'tag, another tag'};
    this.inputs[name] = el('input.cs-input', {title: help, spellcheck: 'false', ...number, ...list});
    return el('label.cs-label', {}, words, this.inputs[name]);
  }

  get chosen() {
    return kindOf(this.kinds, this.kind.value);
  }
  get values() {
    const read = ([name, node]) => [name, node.type === 'checkbox' ? node.checked : node.value];
    return Object.fromEntries(Object.entries(this.inputs).map(read));
  }
  get settings() {
    return settingsOf(this.chosen, this.values, this.fields);
  }

  choosePreset() {
    const preset = this.questions.find(({name}) => name === this.presets.value);
    const {question} = this.inputs;
    question.value = preset ? preset.text : '';
    this.changed();
    if (this.presets.value === OWN) question.focus();
  }
  changed() {
    remember('browser', STORE, JSON.stringify({...this.values, kind: this.kind.value}));
    this.show();
  }
  show() {
    const {options, says, names, examples} = this.chosen;
    const has = (name) => options.includes(name);
    this.says.textContent = says;
    for (const [name, row] of Object.entries(this.rows)) row.classList.toggle('cs-hidden', !has(name));
    this.keyRow.classList.toggle('cs-hidden', !has('address'));
    this.where.classList.toggle('cs-hidden', !has('address') || !this.where.textContent);
    this.more.classList.toggle('cs-hidden', !MORE.some(has));
    const own = this.presets.value === OWN;
    this.inputs.question.classList.toggle('cs-hidden', !this.presets.value);
    this.inputs.question.readOnly = !own;
    if (has('model')) {
      this.rows.model.firstChild.textContent = names;
      [this.inputs.model.placeholder] = examples;
      this.examples.replaceChildren(...examples.map((value) => el('option', {value})));
    }
  }
  async showHost() {
    const address = this.inputs.address.value.trim();
    let said = '';
    if (address && this.chosen.options.includes('address')) {
      try {
        said = (await this.host(address)).sentence;
      } catch (error) {
        said = error.parts?.what || '';
      }
    }
    if (address !== this.inputs.address.value.trim()) return; // it is another one by now
    this.where.textContent = said;
    this.show();
  }

  restore() {
    let kept = {};
    try {
      kept = JSON.parse(recall('browser', STORE)) || {};
    } catch {
      /* nothing that can be read */
    }
    for (const [name, node] of Object.entries(this.inputs)) {
      const {value} = this.fields[name];
      const mine = kept[name] ?? (Array.isArray(value) ? value.join(', ') : value);
      if (node.type === 'checkbox') node.checked = mine === true;
      else node.value = String(mine);
    }
    this.kind.value = kindOf(this.kinds, kept.kind).name;
    this.presets.value = questionChoice(this.questions, this.inputs.question.value);
    this.show();
    this.lookUp();
  }
}
