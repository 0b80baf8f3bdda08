// The line above the images: which are shown. Owns: the filter that is written, what is wrong with it, saved and
// recent filters, the states. Refuses to know: images; the language is `filter.js`.
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {debounce} from '../core/timing.js';
import {parseFilter} from './filter.js';
import {FilterError} from './filter_words.js';
import {STATES} from './list_rules.js';
import {button} from './panels.js';

const RECENT = 4; // that are shown
const EXAMPLES = [
  ['red sofa', 'both words are in the caption'],
  ['"red sofa"', 'these words together'],
  ['tag:red', 'the tag, as a whole; tag:*hair, tag:"dark red"'],
  ['name:IMG_*  folder:close-ups', 'by file or folder'],
  ['tokens:>75  tags:<3  chars:>200', 'by length'],
  ['missing', 'no caption'],
  ['NOT trigger', 'the trigger word is missing'],
  ['red AND NOT (blue OR name:b*)', 'AND, OR, NOT, brackets'],
];

export class FilterBar {
  /** `around`: filter(conditions); ready(filter) resolves when what it needs is known, or throws FilterError;
   *  facts(item) → what the language asks of one. */
  constructor(server, around) {
    Object.assign(this, {server, around, filters: [], recent: []});
    this.turn = 0; // which filter an answer has to belong to
    this.input = el('input.cs-input.cs-filter', {
      type: 'search',
      placeholder: 'Filter: red sofa, tag:red, NOT trigger …',
      'aria-label': 'Filter by caption, tag, name and more',
      spellcheck: 'false',
      autocomplete: 'off',
      maxlength: 2000,
    });
    this.later = debounce(() => this.apply(), 120);
    this.input.addEventListener('input', () => this.later());
    this.input.addEventListener('change', () => this.used());
    this.input.addEventListener('keydown', (event) => event.key === 'Enter' && this.used());
    this.problem = el('p.cs-filter-problem.cs-small', {role: 'alert'});
    this.chips = el('div.cs-filter-chips', {role: 'group', 'aria-label': 'Filters'});
    this.stateButtons = STATES.map(([name, label]) => {
      const attributes = {type: 'button', 'data-name': name, 'aria-pressed': name === 'all'};
      return el('button.cs-segment', {...attributes, onclick: () => this.state(name)}, label);
    });
    this.segments = el('div.cs-segments', {role: 'group', 'aria-label': 'Which images'}, this.stateButtons);
    this.help = el('details.cs-filter-help', {}, el('summary', {title: 'What can be written'}, '?'), this.examples());
    this.below = el('div.cs-filter-below', {}, this.problem, this.chips);
  }
  examples() {
    const row = ([text, says]) => {
      const onclick = () => this.write(text.split('  ')[0]);
      return [el('dt', {}, el('button.cs-link', {type: 'button', onclick}, text)), el('dd', {}, says)];
    };
    return el('dl.cs-keys.cs-small.cs-filter-examples', {}, EXAMPLES.flatMap(row));
  }

  /** Another dataset is open. */
  async opened(dataset) {
    this.write('');
    const {filters, recent, quick_tags: tags} = await call(this.server.caption_desk({dataset}));
    this.show({filters, recent});
    return tags;
  }
  /** Writes a filter, as if it had been typed. */
  write(text) {
    this.help.open = false;
    this.input.value = text;
    return this.apply();
  }
  state(state) {
    for (const one of this.stateButtons) one.setAttribute('aria-pressed', one.dataset.name === state);
    this.around.filter({state});
  }
  /** Shows which states there is something in. */
  offer(counts) {
    for (const [name, some] of Object.entries(counts)) {
      this.stateButtons.find((one) => one.dataset.name === name).classList.toggle('cs-hidden', !some);
    }
  }

  /** Lets the filter choose, or says what is wrong with it; the one before stays until it is right. */
  apply() {
    return attempt(() => this.chooseNow(), null, 'filter of captions');
  }
  async chooseNow() {
    this.turn += 1;
    const {turn} = this;
    const text = this.input.value;
    try {
      const found = parseFilter(text);
      await this.around.ready(found);
      if (turn !== this.turn) return;
      this.wrong(null);
      const test = text.trim() ? (item) => found.test(this.around.facts(item)) : null;
      this.around.filter({test});
      this.chipsAgain();
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
      if (turn === this.turn) this.wrong(error, text);
    }
  }
  wrong(error, text = '') {
    this.input.setAttribute('aria-invalid', Boolean(error));
    if (!error) {
      this.problem.replaceChildren();
      return;
    }
    const letters = [...text];
    const part = (from, to) => letters.slice(from, to).join('');
    this.problem.replaceChildren(
      el('b', {}, `${error.what}. `),
      el('code', {}, part(0, error.at), el('mark', {}, part(error.at, error.end) || '…'), part(error.end)),
      error.remedy ? ` ${error.remedy}` : '',
    );
    this.saveButton?.remove();
  }
  /** It was meant, not only passed on the way: kept among the recent ones. */
  used() {
    const text = this.input.value.trim();
    if (!text || this.input.getAttribute('aria-invalid') === 'true' || this.recent[0] === text) return;
    attempt(async () => this.show(await call(this.server.filter_used({text}))));
  }

  show({filters, recent}) {
    Object.assign(this, {filters, recent});
    this.chipsAgain();
  }
  chipsAgain() {
    if (this.chips.querySelector('form')) return; // somebody is writing a name there
    const text = this.input.value.trim();
    const saved = this.filters.map((one) => this.saved(one, text));
    const recent = this.recent
      .filter((one) => !this.filters.some((other) => other.text === one))
      .slice(0, RECENT)
      .map((one) => this.chip(one, one, '.is-recent', text));
    const known = this.filters.some((one) => one.text === text);
    this.saveButton = button('Save this filter', () => this.name(text), {kind: '.cs-quiet', glyph: icon('save', 14)});
    this.chips.replaceChildren(...saved, ...recent, ...(text && !known ? [this.saveButton] : []));
  }
  chip(label, text, kind, now) {
    const attributes = {type: 'button', title: text, 'aria-pressed': text === now};
    const onclick = () => this.write(text === this.input.value.trim() ? '' : text);
    return el(`button.cs-filter-chip${kind}`, {...attributes, onclick}, label);
  }
  saved({name, text}, now) {
    const remove = () => attempt(async () => this.show(await call(this.server.remove_filter({name}))));
    const label = {title: `Forget the filter ${name}`, 'aria-label': `Forget the filter ${name}`};
    const close = el('button.cs-filter-forget', {type: 'button', ...label, onclick: remove}, icon('close', 11));
    return el('span.cs-filter-saved', {}, this.chip(name, text, '', now), close);
  }
  name(text) {
    const input = el('input.cs-input', {placeholder: 'Name', 'aria-label': 'Name of the filter', maxlength: 60});
    const onsubmit = (event) => {
      event.preventDefault();
      attempt(async () => {
        const kept = await call(this.server.save_filter({name: input.value, text}));
        form.remove();
        this.show(kept);
      });
    };
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      form.remove();
      this.chipsAgain();
    });
    const form = el('form.cs-path.cs-filter-name', {onsubmit}, input, el('button.cs-button', {type: 'submit'}, 'Save'));
    this.saveButton.replaceWith(form);
    input.focus();
  }
}
