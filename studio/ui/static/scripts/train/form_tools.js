// Tools over a form made by Python: a search box over the folded settings, groups that unfold, a dot
// and “reset” on what differs from the preset, and hiding of what has no effect now.
// Owns: looking at the inputs as the page shows them. Refuses to know: what a setting means.
// All of it happens here in the page; only the preset's values and a reset ask the server.
import {call} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {el} from '../core/dom.js';
import {count, searchWords} from '../core/format.js';
import {poll} from '../core/timing.js';
import {goTo, showProblems} from './field_errors.js';
import {applies, changedText, differs, foundText, isFound} from './form_rules.js';

const NO_EFFECT = 'Has no effect with the other settings as they are';
const OTHER_HERE = 'Something here differs from the preset';

/** Sets or removes a mark that the style sheet looks at. */
function mark(node, name, value) {
  if ((node.dataset[name] === 'yes') === value) return;
  if (value) node.dataset[name] = 'yes';
  else delete node.dataset[name];
}
const isOpen = (group) => group.dataset.open === 'yes';

function open(group, unfolded) {
  mark(group, 'open', unfolded);
  group.querySelector('.cs-fold-button')?.setAttribute('aria-expanded', String(unfolded));
}

class FormTools {
  constructor({element, props, server, trigger}) {
    Object.assign(this, {element, server, trigger, fields: props.fields});
    this.byKey = new Map(props.fields.map((field) => [field.key, field]));
    this.wanted = {}; // the preset's contents by key
    this.asked = ''; // for which method and preset
    this.pick = {}; // {method, base, preset} as they are chosen above the form
    this.shown = (key) => this.textOf(key);
    const folded = props.fields.filter((field) => field.folded).length;
    const label = {type: 'search', placeholder: `Search ${count(folded, 'setting')}`, 'aria-label': 'Search settings'};
    this.search = el('input.cs-input', {...label, oninput: () => this.look()});
    this.found = el('span.cs-small.cs-muted', {'aria-live': 'polite'});
    this.line = el('div.cs-tools-line');
    this.changed = el('span.cs-small');
    this.lay();
  }

  get host() {
    return this.element.closest('.cs-more');
  }
  lay() {
    const turn = () => open(this.host, !isOpen(this.host));
    const fold = {type: 'button', 'aria-expanded': 'false', onclick: turn};
    const all = {type: 'button', onclick: () => this.unfoldAll()};
    const reset = {type: 'button', onclick: () => this.reset(this.fields.filter((field) => this.differs(field)))};
    this.resetAll = el('button.cs-button.cs-quiet', reset, 'Reset all');
    this.element
      .querySelector('.cs-tools')
      .append(
        el(
          'div.cs-tools-line',
          {},
          el('div', {style: {flex: '1'}}, el('button.cs-fold-button', fold, 'More settings')),
          el('button.cs-button.cs-quiet', all, 'Unfold all'),
        ),
        this.search,
        this.found,
        this.line,
      );
  }
  unfoldAll() {
    const groups = [...this.host.querySelectorAll('.cs-group')];
    const unfold = groups.some((group) => !isOpen(group));
    open(this.host, true);
    for (const group of groups) open(group, unfold);
  }
  reset(fields) {
    this.trigger('reset', {keys: fields.map((field) => field.key)});
  }

  /** What an input shows, as text; undefined when it is not on the page. */
  textOf(key) {
    if (key in this.pick) return String(this.pick[key]);
    const field = this.byKey.get(key);
    const input = field && document.getElementById(field.id)?.querySelector('textarea, input');
    if (!input) return undefined;
    return input.type === 'checkbox' ? String(input.checked) : input.value;
  }
  differs(field) {
    return differs(field, this.shown, this.wanted);
  }

  look() {
    const more = this.host;
    if (!more) return;
    const words = searchWords(this.search.value);
    if (words.length) more.dataset.search = '';
    else delete more.dataset.search;
    let [changed, hits] = [0, 0];
    for (const field of this.fields) {
      const node = document.getElementById(field.id);
      if (!node) continue;
      const other = this.markField(field, node, words);
      if (other && !node.dataset.idle) changed += 1;
      if (field.folded && !node.dataset.missed && node.offsetParent !== null) hits += 1;
    }
    for (const group of more.querySelectorAll('.cs-group')) this.markGroup(group, words);
    this.found.textContent = words.length ? foundText(hits) : '';
    this.changed.textContent = changedText(changed, this.pick.preset);
    if (Boolean(changed) === Boolean(this.line.firstChild)) return;
    const parts = [el('i.cs-changed-dot'), this.changed, el('span.cs-spacer'), this.resetAll];
    this.line.replaceChildren(...(changed ? parts : []));
  }
  /** Whether the field differs from the preset. */
  markField(field, node, words) {
    const other = this.differs(field);
    const idle = !applies(field, this.shown);
    mark(node, 'idle', idle);
    mark(node, 'missed', Boolean(field.folded) && !isFound(field, words));
    mark(node, 'changed', other);
    node.title = idle ? NO_EFFECT : field.help;
    let button = node.querySelector(':scope > .cs-reset');
    if (other && !button) {
      button = el('button.cs-reset', {type: 'button', onclick: () => this.reset([field])}, 'reset');
      node.append(button);
    }
    if (button) {
      const usual = this.wanted[field.key] || 'empty';
      button.title = `Back to ${usual}`;
      button.setAttribute('aria-label', `Reset ${field.label} to ${usual}`);
    }
    return other;
  }
  markGroup(group, words) {
    const fields = [...group.querySelectorAll('.cs-field')].map((node) => node.dataset);
    const seen = fields.filter(({missed, idle}) => !missed && (words.length || !idle)).length;
    const other = fields.some(({changed, idle}) => changed && !idle);
    mark(group, 'empty', !seen);
    const title = group.querySelector('.cs-fold-button');
    if (!title) return;
    title.querySelector('small').textContent = String(seen);
    const dot = title.querySelector('i');
    if (other && !dot) title.append(el('i', {title: OTHER_HERE}));
    if (!other) dot?.remove();
  }

  /** The element of a setting; `options.x` is one of the chosen method. */
  fieldOf(key) {
    const own = key.replace(/^options\./, `options-${this.pick.method}.`);
    const id = this.byKey.get(own)?.id;
    return id ? document.getElementById(id) : null;
  }
  showWrong(problems) {
    const found = Object.entries(problems).map(([key, text]) => [this.fieldOf(key)?.id, text]);
    showProblems(this.element.closest('.cs-form'), Object.fromEntries(found.filter(([id]) => id)));
  }
  go(key) {
    const node = this.fieldOf(key);
    if (!node) return;
    this.search.value = '';
    this.look();
    goTo(node, (group) => open(group, true));
  }

  /** Asks what the chosen preset contains, once per method and preset. */
  async ask() {
    const {method, preset} = this.pick;
    const mine = JSON.stringify([method, preset]);
    if (mine === this.asked || !method) return;
    this.asked = mine;
    try {
      const answer = await call(this.server.reference({method, preset}));
      if (mine === this.asked) this.wanted = answer;
    } catch {
      this.wanted = {};
      this.asked = '';
    }
    this.look();
  }

  listen() {
    hear(this.element, 'studio:pick', ({method, base, preset}) => {
      this.pick = {method, base, preset};
      this.ask();
    });
    hear(this.element, 'studio:wrong', (problems) => this.showWrong(problems));
    hear(this.element, 'studio:field', ({key}) => this.go(key));
    tell('studio:pick?');
    const form = this.element.closest('.cs-form');
    form?.addEventListener('click', (event) => {
      const group = event.target.closest('.cs-group .cs-fold-button')?.closest('.cs-group');
      if (group) open(group, !isOpen(group));
    });
    form?.addEventListener('input', () => setTimeout(() => this.look(), 30));
    const look = async () => {
      this.look();
      await this.ask();
    };
    poll(this.element, look, 400); // a Python update changes inputs without an event
  }
}

export function mount(part) {
  new FormTools(part).listen();
}
