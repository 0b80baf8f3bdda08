// One click from a dataset to the answer. Owns: the form (what it stands for is in `shootout_rules.js`), its plan,
// Start, and opening the comparison of a shootout that was started here.
import {fileUrl} from '../core/address.js';
import {attempt, call, partsOf} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {el, fillOptions} from '../core/dom.js';
import {count} from '../core/format.js';
import {openTab} from '../core/handover.js';
import {labelled} from '../core/icons.js';
import {causeOf, message, notice, settle} from '../core/notices.js';
import {debounce, poll} from '../core/timing.js';
import {ADD, baseOptions, datasetFacts} from '../train/pick_rules.js';
import {sayWords} from './column_words.js';
import {openComparison} from './opened.js';
import {shootoutList} from './shootout_list.js';
import {budgetGroup, methodCard, stackRows} from './shootout_methods.js';
import * as rules from './shootout_rules.js';

const LOOK_EVERY = 1000; // milliseconds
const THINK = 500; // after the last change, before the plan is asked for

const select = (label) => el('select.cs-input', {'aria-label': label});
const labelledField = (label, node, hint = '') =>
  el('label.cs-label', {}, label, node, hint && el('span.cs-small.cs-muted', {}, hint));

class ShootoutForm {
  constructor(part) {
    Object.assign(this, {part, element: part.element, server: part.server});
    this.choices = null;
    this.form = rules.restored(null);
    this.planned = '';
    this.awaited = ''; // the shootout that was started here, until its comparison is open
    this.covered = '';
    this.think = debounce(() => this.plan(), THINK);
    this.list = shootoutList(this.q('.so-list'), (name, one, button) => this.act(name, one, button));
    this.lay();
  }

  q(selector) {
    return this.element.querySelector(selector);
  }

  /** An input of the form: `key` says which value it holds. */
  input(key, attributes, tag = 'input.cs-input') {
    const node = el(tag, {...attributes, 'data-key': key});
    node.addEventListener('input', () => {
      const number = attributes.type === 'number';
      this.set({[key]: number ? Number(node.value) : node.value}, false);
    });
    return node;
  }

  lay() {
    this.dataset = select('Dataset of the shootout');
    this.base = select('Base model of the shootout');
    this.strip = el('div.cs-strip', {'aria-hidden': 'true'});
    this.facts = el('div.cs-small.cs-muted');
    this.none = labelled('right', 'Make one in the Caption tab', () => openTab('caption'));
    this.folder = this.input('folder', {placeholder: '/path/to/a/folder', spellcheck: 'false'});
    this.folder.addEventListener('input', () => this.renderImages());
    this.methods = el('div.so-methods', {role: 'group', 'aria-label': 'Methods'});
    this.stacks = el('div.so-stacks');
    this.budgets = budgetGroup((budget, amount) => this.set({budget, amount}));
    this.amount = this.input('amount', {type: 'number', min: 0, step: 'any'});
    this.amountField = labelledField('', this.amount);
    this.reference = select('Reference images of the shootout');
    this.cost = el('div.so-cost', {'aria-live': 'polite'});
    this.start = labelled(null, 'Start shootout', () => this.begin(), '.cs-primary.so-start');
    const number = (key, label, least) => labelledField(label, this.input(key, {type: 'number', min: least, step: 1}));
    const text = (key, label, placeholder) => labelledField(label, this.input(key, {placeholder}));
    const own = this.input('own', {rows: 2, placeholder: 'One per line'}, 'textarea.cs-input');
    this.q('.so-form').append(
      labelledField('Images', this.dataset),
      this.strip,
      this.facts,
      this.none,
      labelledField('Or a folder on this machine', this.folder),
      labelledField('Base model', this.base),
      el('div.so-part', {}, el('span.cs-label', {}, 'What competes'), this.methods, this.stacks),
      el('div.so-part', {}, el('span.cs-label', {}, 'Budget'), this.budgets.node, this.amountField),
      el(
        'div.so-fields',
        {},
        text('training_seeds', 'Training seeds', '1-3'),
        text('seeds', 'Image seeds', '1-2'),
        number('captions', 'Prompts from captions', 0),
        number('novel', 'Novel contexts', 0),
      ),
      el(
        'details.so-more',
        {},
        el('summary', {}, 'More settings'),
        labelledField('Your own prompts', own),
        labelledField('Reference images', this.reference),
        el(
          'div.so-fields',
          {},
          number('images', 'Images per column', 0),
          number('steps', 'Sampling steps', 1),
          number('ordinary_images', 'Images for drift', 0),
          text('name', 'Name', 'of the dataset'),
        ),
      ),
      this.cost,
      el('div.cs-toolbar', {}, this.start),
    );
    this.dataset.addEventListener('change', () => this.set({dataset: this.dataset.value, folder: ''}));
    this.base.addEventListener('change', () => this.chooseBase(this.base.value));
    this.reference.addEventListener('change', () => this.set({reference: this.reference.value}));
  }

  set(changes, again = true) {
    Object.assign(this.form, changes);
    if (again) this.render();
    this.think();
  }
  chooseBase(base) {
    if (base !== ADD[0]) return this.set({base});
    this.base.value = this.form.base;
    return tell('studio:add-base', {asked: 'shootout'});
  }
  async baseAdded({name, asked}) {
    if (this.choices) await this.load();
    if (asked === 'shootout' && this.choices?.bases.some((one) => one.name === name)) this.set({base: name});
  }
  setMethod(name, changes, again = true) {
    const now = rules.methodOf(this.choices, this.form, name);
    this.set({methods: {...this.form.methods, [name]: {...now, ...changes}}}, again);
  }

  render() {
    const {choices, form} = this;
    if (!choices) return;
    const focus = this.element.contains(document.activeElement) && focusName(document.activeElement);
    this.renderImages();
    fillOptions(this.base, [...baseOptions(choices, form), ADD], form.base);
    const held = [
      ['', 'Held-out images, or some that are held back'],
      ...choices.references.filter(([, value]) => value).map(([title, value]) => [value, title]),
    ];
    if (!held.some(([value]) => value === form.reference))
      held.push([form.reference, `${form.reference} · not there now`]);
    fillOptions(this.reference, held, form.reference);
    const given = {
      choices,
      form,
      set: (changes) => this.set(changes),
      setMethod: (name, changes, again) => this.setMethod(name, changes, again),
    };
    this.methods.replaceChildren(...choices.methods.map((method) => methodCard(method, given)));
    this.stacks.replaceChildren(...stackRows(given));
    this.budgets.show(form.budget);
    const [, , , unit] = rules.budgetOf(form);
    this.amountField.classList.toggle('cs-hidden', !unit);
    this.amountField.firstChild.textContent = unit ? `${unit} per training` : '';
    this.amount.setAttribute('aria-label', unit ? `${unit} per training` : 'Amount');
    for (const node of this.element.querySelectorAll('[data-key]')) {
      if (node !== document.activeElement) node.value = form[node.dataset.key];
    }
    if (focus)
      [...this.element.querySelectorAll('button, input, select')].find((node) => focusName(node) === focus)?.focus();
  }

  renderImages() {
    if (!this.choices) return;
    const {options, value, info} = rules.imagesOf(this.choices, this.form);
    fillOptions(this.dataset, options, value);
    this.facts.textContent = datasetFacts(info);
    this.strip.classList.toggle('cs-hidden', !info);
    this.none.classList.toggle('cs-hidden', this.choices.datasets.length > 0);
    if (info) this.showCovers(info);
  }

  async showCovers(info) {
    if (this.covered === info.id) return;
    this.covered = info.id;
    this.strip.replaceChildren();
    let found = [];
    try {
      found = await call(this.server.covers({dataset: info.id}));
    } catch {
      /* then there are none */
    }
    if (this.covered === info.id)
      this.strip.replaceChildren(...found.map((path) => el('img', {src: fileUrl(path), alt: ''})));
  }

  async plan() {
    if (!this.choices) return;
    const form = rules.sent(this.choices, this.form);
    const text = JSON.stringify(form);
    this.planned = text;
    if (!rules.hasImages(form) || !form.entries.length) {
      const what = rules.hasImages(form) ? 'Choose what competes.' : 'Choose the images first.';
      this.cost.replaceChildren(el('p.cs-small.cs-muted', {}, what));
      return;
    }
    try {
      const plan = await call(this.server.plan({form}));
      if (this.planned === text) this.showPlan(plan);
    } catch (error) {
      if (this.planned === text) this.cost.replaceChildren(message(partsOf(error, 'This cannot be planned'), 'error'));
    }
  }
  showPlan(plan) {
    settle(causeOf(this.start)); // what Start refused has been mended
    const row = (entry) =>
      el('li', {}, el('b', {}, entry.name), el('span.cs-small.cs-muted.cs-number', {}, rules.entryCost(entry)));
    const prompts = plan.prompts.map((one) => el('li', {}, el('span.cs-chip', {}, one.source), one.text));
    this.cost.replaceChildren(
      el('b.so-total.cs-number', {}, rules.totalCost(plan)),
      el('p.cs-small.cs-muted', {}, rules.costSource(plan)),
      el('ul.so-costs', {}, plan.entries.map(row)),
      el(
        'details.so-more',
        {},
        el('summary', {}, count(plan.prompts.length, 'prompt')),
        el('ul.so-prompts', {}, prompts),
      ),
      ...plan.notes.map((note) => el('p.cs-small.cs-muted', {}, note)),
    );
  }

  async begin() {
    const form = rules.sent(this.choices, this.form);
    await attempt(async () => {
      this.awaited = await call(this.server.start({form}));
      notice('The shootout has begun: its runs are in the Train tab’s queue too', 'good');
    }, this.start);
    await this.look();
  }

  async act(name, one, button) {
    if (name === 'open') {
      openComparison(one.comparison);
      return;
    }
    await attempt(async () => {
      await call(this.server[name]({id: one.id}));
      if (name === 'remove') notice('Moved to the workspace’s trash folder', 'good');
    }, button);
    await this.look();
  }

  async load() {
    await attempt(async () => {
      const {draft, ...choices} = await call(this.server.choices(null));
      const first = this.choices === null;
      this.choices = choices;
      if (first) this.form = withUsual(choices, rules.restored(draft));
    });
    this.render();
    this.think();
  }

  async look() {
    const found = await call(this.server.status({}));
    this.list.update(found);
    for (const one of found.filter((each) => each.here && each.comparison)) {
      sayWords(one.comparison, rules.columnWords(one));
    }
    const mine = found.find((one) => one.id === this.awaited);
    if (mine?.comparison) {
      this.awaited = '';
      openComparison(mine.comparison);
    }
  }

  listen() {
    hear(this.element, 'studio:base-added', (news) => this.baseAdded(news));
    poll(this.element, () => this.look(), LOOK_EVERY);
    new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.load();
    }).observe(this.element);
  }
}

/** By what an element is found again after its part was drawn anew. */
const focusName = (node) =>
  node.getAttribute('aria-label') || node.dataset.method || node.dataset.key || node.textContent;

/** A form that was never used: the first dataset, and the three methods whose files are small. */
function withUsual(choices, form) {
  if (!Object.keys(form.methods).length) {
    for (const name of ['lora', 'textual-inversion', 'hypernetwork']) {
      if (rules.presetsOf(choices, form, name).length) form.methods[name] = {on: true, preset: '', variants: []};
    }
  }
  return form;
}

export function mount(part) {
  const form = new ShootoutForm(part);
  form.listen();
}
