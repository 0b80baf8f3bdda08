// What is trained with what. Owns: the value {dataset, base, method, preset}.
import {fileUrl} from '../core/address.js';
import {call, partsOf, refusal} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {el, fillOptions} from '../core/dom.js';
import {restore, restored} from '../core/draft.js';
import {onEdits} from '../core/edits.js';
import {openTab, receive} from '../core/handover.js';
import {Hold} from '../core/hold.js';
import {icon} from '../core/icons.js';
import {message} from '../core/notices.js';
import {ownValue} from '../core/own_value.js';
import {poll} from '../core/timing.js';
import {ClassPick} from './class_pick.js';
import {goTo} from './field_errors.js';
import {methodCards} from './method_cards.js';
import * as rules from './pick_rules.js';
import {settingsFile} from './settings_file.js';

const MOST_COVERS = 7;
const COVER = {width: '46px', height: '46px'};
const OWN = ['', 'Own settings'];

const select = (label) => el('select.cs-input', {'aria-label': label});
const field = (label, node) => el('label.cs-label', {}, label, node);
const group = (...children) => el('div.cs-stack', {style: {gap: '6px'}}, children);

class Pick {
  constructor(part) {
    Object.assign(this, {part, element: part.element, props: part.props, server: part.server});
    this.choices = null; // what can be chosen; null until the server was asked
    this.read = ''; // the same as text
    this.covered = ''; // the dataset whose images are shown
    this.form = this.element.closest('.cs-form');
    this.hold = new Hold(this.form);
    this.dataset = select('Dataset');
    this.base = select('Base model');
    this.preset = select('Preset');
    this.strip = el('div.cs-strip', {'aria-hidden': 'true'});
    this.facts = el('div.cs-small.cs-muted');
    this.words = el('div.cs-small.cs-muted');
    this.trouble = el('div');
    this.methods = methodCards((method) => method !== this.value.method && this.change({method}));
    const toCaption = {type: 'button', onclick: () => openTab('caption')};
    this.none = el('button.cs-button.cs-hidden', toCaption, 'Make one in the Caption tab', icon('right', 14));
    this.classes = new ClassPick((dataset) => this.useClass({dataset}));
    this.setValue = ownValue(part, () => this.render());
    this.lay();
  }

  lay() {
    const like = settingsFile({
      list: () => call(this.server.files(null)),
      send: (file) => this.part.upload(file),
      chosen: (file) => this.part.trigger('like', {file}),
    });
    this.element
      .querySelector('.cs-pick')
      .append(
        group(field('Images', this.dataset), this.strip, this.facts, this.none),
        group(field('Base model', this.base), this.trouble),
        group(el('span.cs-label', {}, 'Method'), this.methods.node),
        group(field('Preset', this.preset), this.words, like),
      );
  }

  get value() {
    return {...rules.EMPTY, ...(this.props.value || {})};
  }
  /** `event`: what Python hears; all but `input` fill a part of the form, which waits for it. */
  set(changes, event = 'input') {
    const next = {...this.value, ...changes};
    this.setValue(next);
    this.render();
    const {trigger} = this.part;
    if (event === 'input') trigger('input', next);
    else if (event === 'dataset') trigger('dataset', {token: this.hold.begin()});
    else trigger('preset', {token: this.hold.begin()});
  }
  change(changes) {
    this.set(rules.withChange(this.choices, this.value, changes), 'preset');
  }

  render() {
    const {choices, value} = this;
    if (!choices) return;
    this.classes.show(choices.datasets);
    const info = rules.datasetOf(choices, value);
    fillOptions(this.dataset, rules.datasetOptions(choices, value), value.dataset);
    this.none.classList.toggle('cs-hidden', choices.datasets.length > 0);
    this.strip.classList.toggle('cs-hidden', !info);
    this.facts.textContent = rules.datasetFacts(info);
    if (info) this.showCovers(info);
    const base = rules.baseOf(choices, value);
    fillOptions(this.base, [...rules.baseOptions(choices, value), rules.ADD], value.base);
    const problems = [
      base?.problem && message({what: base.problem}, 'error'),
      choices.problem && message(choices.problem, 'warning'),
    ];
    this.trouble.replaceChildren(...problems.filter(Boolean));
    this.methods.render(choices.methods, value.method, base?.family, value.base);
    const found = rules.fittingPresets(choices, value);
    fillOptions(this.preset, [OWN, ...found.map((one) => [one.name, one.title])], value.preset);
    this.words.textContent = found.find((one) => one.name === value.preset)?.description || '';
    tell('studio:pick', value);
  }

  /** The last entry of the list opens the dialog, and the choice stays. */
  chooseBase(base) {
    if (base !== rules.ADD[0]) return this.change({base});
    this.base.value = this.value.base;
    return tell('studio:add-base', {asked: 'train'});
  }

  async baseAdded(base, asked) {
    await this.load();
    if (asked === 'train' && this.choices?.bases.some((one) => one.name === base)) this.change({base});
  }

  /** What a sentence of the preflight is about, where it is chosen here or said of the dataset. */
  go(key) {
    const {dataset} = this.value;
    if (key.startsWith('dataset.')) openTab('caption', {dataset, about: true});
    const node = {'data.folder': this.dataset, base: this.base, method: this.methods.node}[key];
    if (node) goTo(node, () => {});
  }

  async showCovers(info) {
    if (this.covered === info.id) return;
    this.covered = info.id;
    const blank = () => el('span.cs-skeleton', {style: COVER});
    this.strip.replaceChildren(...Array.from({length: Math.min(MOST_COVERS, info.images)}, blank));
    let found = [];
    try {
      found = await call(this.server.covers({dataset: info.id}));
    } catch {
      /* then there are none */
    }
    if (this.covered !== info.id) return;
    this.strip.replaceChildren(...found.map((path) => el('img', {src: fileUrl(path), alt: ''})));
  }

  async load() {
    let found = null;
    try {
      found = await call(this.server.choices(null));
    } catch (error) {
      const parts = partsOf(error, 'The choices cannot be shown');
      if (!this.choices) this.trouble.replaceChildren(message(parts, 'error'));
      return;
    }
    const text = JSON.stringify(found);
    if (text === this.read) return;
    this.read = text;
    this.choices = found;
    this.render();
  }

  /** “Train with these” elsewhere in the studio: {dataset: id}. */
  async brought({dataset}) {
    if (!dataset) return;
    await restored('train'); // it may come late: a hand-over comes after it
    await this.load(); // it may be newer than the list, or gone
    if (!this.choices?.datasets.some((one) => one.id === dataset)) {
      throw refusal({
        what: 'This dataset is not in the list of datasets',
        where: dataset,
        remedy: 'Open its folder in the Caption tab and try again.',
      });
    }
    this.set({dataset}, 'dataset');
  }

  /** A dataset of class images becomes the run's own: {dataset: id}. */
  async useClass({dataset}) {
    await restored('train');
    this.part.trigger('class_images', {dataset, token: this.hold.begin()});
    tell('studio:field', {key: 'prior.folder'});
  }

  listen() {
    this.dataset.addEventListener('change', () => this.set({dataset: this.dataset.value}, 'dataset'));
    this.base.addEventListener('change', () => this.chooseBase(this.base.value));
    hear(this.element, 'studio:base-added', ({name, asked}) => this.baseAdded(name, asked));
    this.preset.addEventListener('change', () =>
      this.set({preset: this.preset.value}, this.preset.value ? 'preset' : 'input'),
    );
    this.part.watch('filled', () => this.hold.end(this.props.filled));
    this.part.watch('refused', () => this.hold.set(''));
    hear(this.element, 'studio:pick?', () => this.choices && tell('studio:pick', this.value));
    hear(this.element, 'studio:field', ({key}) => this.go(key));
    onEdits(this.form, () => this.part.trigger('input', this.value));
    restore(this.part, 'train', this.hold, () => this.part.trigger('restore'));
    receive('train', (payload) => this.brought(payload));
    receive('train:class', (payload) => this.useClass(payload));
    const look = () => {
      this.classes.attach();
      return this.load();
    };
    poll(this.element, look, 4000);
  }
}

export function mount(part) {
  new Pick(part).listen();
}
