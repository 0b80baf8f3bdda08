// Which checkpoint, at what strength: runs, strengths, prompts, what it costs, and the race while it runs.
// Owns: the form. Refuses to know: how the result is shown (`checkpoint_curves.js`).
import {attempt, call, partsOf} from '../core/calls.js';
import {tell} from '../core/channel.js';
import {el, fillOptions} from '../core/dom.js';
import {count, formatTime} from '../core/format.js';
import {receive} from '../core/handover.js';
import {message} from '../core/notices.js';
import {runBar} from '../core/run_bar.js';
import {tables} from '../core/tables.js';
import {debounce, poll} from '../core/timing.js';
import {costText, strengthsOf} from './checkpoint_rules.js';
import {openComparison} from './opened.js';

const LOOK_EVERY = 800;
const IDLE_LOOKS = 6;
const ASK_AFTER = 350; // milliseconds after the last change
const NO_RUNS = 'No run has checkpoints yet. Train one with “Save every” set, and raise “Keep”.';
const FEW = 'Only the newest checkpoints of this run are kept: “Keep” says how many.';

const HELD_OUT = 'The dataset’s own held-out images';
const NONE_HELD_OUT = 'The training images: none are held out';

const field = (label, input, info = '') =>
  el('label.cs-label', {}, label, input, info && el('span.cs-small.cs-muted', {}, info));

class Pick {
  constructor({element, server}) {
    Object.assign(this, {element, server, task: null, runs: [], chosen: new Set(), idle: 0, opened: '', turn: 0});
    this.asked = debounce(() => this.cost(), ASK_AFTER);
    this.build();
  }

  build() {
    const input = (attributes) => el('input.cs-input', {...attributes, oninput: () => this.asked()});
    this.list = el('ul.ck-runs', {'aria-label': 'Runs'});
    this.strengths = input({value: '0.6, 0.8, 1', inputmode: 'decimal'});
    this.prompts = el('textarea.cs-input', {rows: 4, oninput: () => this.asked()});
    this.reference = el('select.cs-input', {onchange: () => this.asked()});
    this.images = input({type: 'number', min: 4, max: 1000, step: 1, value: 48});
    this.costs = el('div.ck-cost', {'aria-live': 'polite'});
    const bar = el('div');
    this.bar = runBar(bar, {
      label: 'Race the checkpoints',
      start: () => this.start(),
      cancel: () => this.server.interrupt({}),
      look: () => this.look(),
    });
    const form = el(
      'div.cs-card.ck-form',
      {},
      el('h3.cs-card-title', {}, 'Which checkpoint, at what strength?'),
      el('fieldset.ck-set', {}, el('legend.cs-label', {}, 'Runs'), this.list),
      field('Strengths', this.strengths),
      field(
        'Prompts with the trigger word, one per line',
        this.prompts,
        'Empty: held-out captions that no training image shows.',
      ),
      field('Reference images', this.reference),
      field('Images of each candidate, at most', this.images),
      this.costs,
    );
    this.element.querySelector('.ck-pick').replaceChildren(form, bar);
    this.bar.shortcut(this.element);
  }

  runRow(run) {
    const onchange = (event) => {
      if (event.currentTarget.checked) this.chosen.add(run.run);
      else this.chosen.delete(run.run);
      this.asked();
    };
    const box = el('input.cs-checkbox', {
      type: 'checkbox',
      checked: this.chosen.has(run.run),
      value: run.run,
      onchange,
    });
    const method = tables.methods[run.method] || run.method;
    const about = `${method} · ${count(run.steps.length, 'checkpoint')} · ${formatTime(run.created)}`;
    const words = el('span.st-title', {}, el('b', {}, run.name), el('span.cs-small.cs-muted', {}, about));
    return el('li', {}, el('label.ck-run', {title: run.steps.length < 4 ? FEW : ''}, box, words));
  }
  /** `wanted` is the id of a run to choose. */
  async load(wanted = '') {
    const found = await attempt(() => call(this.server.choices({})));
    if (!found) return;
    this.runs = found.runs;
    const known = new Set(found.runs.map((run) => run.run));
    this.chosen = new Set([...this.chosen].filter((run) => known.has(run)));
    if (wanted) this.chosen = new Set(known.has(wanted) ? [wanted] : []);
    if (!this.chosen.size && found.runs.length) this.chosen.add(found.runs[0].run);
    const rows = found.runs.map((run) => this.runRow(run));
    this.list.replaceChildren(...(rows.length ? rows : [el('li.cs-muted.cs-small', {}, NO_RUNS)]));
    fillOptions(
      this.reference,
      [['', HELD_OUT], ...found.references.map(([title, path]) => [path, title])],
      this.reference.value,
    );
    await this.cost();
  }

  settings() {
    return {
      runs: [...this.chosen],
      strengths: strengthsOf(this.strengths.value) || [],
      checkpoints: [],
      prompts: this.prompts.value,
      reference: this.reference.value,
      name: '',
      images: Math.round(Number(this.images.value)) || 0,
      race: true,
    };
  }
  async cost() {
    this.turn += 1;
    const {turn} = this;
    if (!this.chosen.size) {
      this.costs.replaceChildren();
      return;
    }
    try {
      const plan = await call(this.server.plan(this.settings()));
      if (turn !== this.turn) return; // something else is asked by now
      if (!this.prompts.value.trim()) this.prompts.placeholder = plan.texts.join('\n');
      if (!this.reference.value) this.reference.options[0].text = plan.held_out ? HELD_OUT : NONE_HELD_OUT;
      const notes = plan.notes.map((note) => message({what: note}, 'warning'));
      this.costs.replaceChildren(el('p.cs-small', {}, costText(plan)), ...notes);
    } catch (error) {
      if (turn !== this.turn) return;
      this.costs.replaceChildren(message(partsOf(error, 'This cannot be compared'), 'error'));
    }
  }

  async start() {
    await attempt(() => call(this.server.start(this.settings())));
    this.bar.answered();
    await this.look();
  }
  get running() {
    return this.task?.state === 'running';
  }
  async look() {
    const answer = await call(this.server.status({}));
    const before = `${this.task?.id} ${this.task?.state}`;
    const first = this.task === null;
    this.task = answer.task;
    const id = this.task?.result?.id || this.task?.about?.id;
    if (id && this.running && this.opened !== id && !first) {
      this.opened = id;
      openComparison(id, 'curves');
    }
    if (!first && !this.running && this.task && `${this.task.id} ${this.task.state}` !== before && id) {
      this.opened = id;
      openComparison(id, 'curves');
    }
    this.bar.paint(this.task, answer.training, () => 'Race finished');
  }
  async tick() {
    this.idle += 1;
    if (this.running || this.bar.starting || this.idle % IDLE_LOOKS === 1) await this.look();
  }
}

export function mount(part) {
  const pick = new Pick(part);
  pick.load();
  receive('compare:checkpoints', ({run}) => {
    tell('studio:mode', {area: 'compare', mode: 'checkpoints'});
    return pick.load(run);
  });
  poll(part.element, () => pick.tick(), LOOK_EVERY);
}
