// One comparison and the list of past ones. Owns: which one is shown and how: as a grid or side by
// side, with one zoom for all. Refuses to know: how a comparison is set up.
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {formatDuration, formatTime} from '../core/format.js';
import {iconButton, labelled} from '../core/icons.js';
import {message, notice} from '../core/notices.js';
import {runBar} from '../core/run_bar.js';
import {tables} from '../core/tables.js';
import {poll} from '../core/timing.js';
import {comparisonGrid} from './cells.js';
import {missingReasons, rowsOf} from './measures.js';
import {sideBySide} from './side_by_side.js';
import {Zoom} from './zoom.js';

const LOOK_EVERY = 600; // milliseconds
const IDLE_LOOKS = 8; // while nothing runs, every eighth time
const REPORTS = [
  ['html', 'Report'],
  ['csv', 'CSV'],
  ['markdown', 'Markdown'],
];

class Comparison {
  constructor({element, trigger, server}) {
    Object.assign(this, {element, trigger, server});
    this.task = null;
    this.shown = null;
    this.past = [];
    this.mode = 'grid';
    this.baseline = -1; // the column that differences are shown to
    this.pair = {a: 0, b: 1, row: 0, split: 50};
    this.partial = ''; // what was shown last of a comparison that runs
    this.finished = null; // the task whose comparison was opened when it ended
    this.idle = 0;
    this.zoom = new Zoom(
      () => this.q('.cm-view'),
      (zoom) => {
        const range = this.q('.cm-zoom');
        if (range) range.value = Math.log2(zoom);
      },
    );
    this.bar = runBar(this.q('.cm-run'), {
      label: 'Compare',
      start: () => trigger('compare'),
      cancel: () => server.interrupt({}),
      look: () => this.look(),
    });
  }

  q(selector) {
    return this.element.querySelector(selector);
  }
  get running() {
    return this.task?.state === 'running';
  }

  setMode(mode) {
    this.mode = mode;
    this.view();
  }
  /** A click on a cell shows it beside another column. */
  choose(column, row) {
    if (this.zoom.zoom > 1) return;
    const at = rowsOf(this.shown).findIndex((one) => one.prompt === row.prompt && one.seed === row.seed);
    Object.assign(this.pair, {row: at, a: 0, b: column || Math.min(1, this.shown.columns.length - 1)});
    this.setMode('ab');
  }

  toolbar() {
    const {shown, mode} = this;
    const tab = (name, label) => {
      const on = mode === name;
      const attributes = {type: 'button', 'aria-pressed': String(on), onclick: () => this.setMode(name)};
      return el(`button.cs-button${on ? '.is-on' : ''}`, attributes, label);
    };
    const tabs = [tab('grid', 'Grid'), shown.columns.length > 1 && tab('ab', 'Side by side')];
    const limits = {type: 'range', min: 0, max: 4, step: 0.05, value: Math.log2(this.zoom.zoom)};
    const range = el('input.cm-zoom.st-slider', {...limits, 'aria-label': 'Zoom of all images'});
    range.addEventListener('input', () => this.zoom.scale(2 ** Number(range.value)));
    const report = ([format, label]) =>
      labelled('download', label, (event) => attempt(() => this.save(format), event.currentTarget));
    return el(
      'div.cs-toolbar.cm-toolbar',
      {},
      el('div.cm-modes', {role: 'group', 'aria-label': 'View'}, tabs),
      el('label.cm-zoomer.cs-small.cs-muted', {}, 'Zoom', range),
      mode === 'grid' && this.against(),
      el('span.cs-spacer'),
      shown.complete && REPORTS.map(report),
    );
  }
  against() {
    const option = (value, text) => el('option', {value, selected: this.baseline === value}, text);
    const onchange = (event) => {
      this.baseline = Number(event.currentTarget.value);
      this.view();
    };
    const columns = this.shown.columns.map((column, at) => option(at, `difference to ${column.name}`));
    return el('select.cs-input', {'aria-label': 'Difference to', onchange}, option(-1, 'no difference'), columns);
  }
  async save(format) {
    const {path} = await call(this.server.report({id: this.shown.id, format}));
    const href = fileUrl(path);
    const download = {href, download: `${this.shown.id}.${path.split('.').pop()}`};
    // the images of a page lie beside it
    const link = el('a', format === 'html' ? {href, target: '_blank', rel: 'noopener'} : download);
    document.body.append(link);
    link.click();
    link.remove();
  }

  title() {
    const {shown} = this;
    const state = shown.seconds ? `took ${formatDuration(shown.seconds)}` : 'in progress';
    const about = `${shown.base} · ${state}${shown.cancelled ? ' · interrupted' : ''}`;
    const again = () => this.trigger('again', {id: shown.id});
    const ended = shown.complete || shown.cancelled;
    return el(
      'div.cm-title',
      {},
      el('h3.cs-card-title', {}, shown.name || 'Comparison'),
      el('span.cs-small.cs-muted', {}, about),
      el('span.cs-spacer'),
      ended && labelled('reuse', 'Use these settings', again, '.cs-quiet'),
    );
  }
  notes() {
    const notes = (this.shown.notes || []).map((text) => message({what: text}, 'info'));
    if (notes.length) return notes;
    const line = ([why, titles]) => el('p.cs-small.cs-muted.cm-why', {}, `— ${titles.join(', ')}: ${why}`);
    return missingReasons(this.shown, tables.measures, tables.missing).map(line);
  }
  images() {
    const {shown, baseline} = this;
    if (this.mode === 'ab') return sideBySide(shown, this.pair, () => this.view());
    return comparisonGrid(shown, {baseline, choose: (column, row) => this.choose(column, row)});
  }

  view() {
    const {shown} = this;
    const host = this.q('.cm-view');
    this.q('.cm-empty').hidden = Boolean(shown) || this.running;
    if (!shown) {
      host.replaceChildren();
      return;
    }
    const old = host.querySelector('.cm-grid');
    const scroll = [old?.scrollLeft || 0, old?.scrollTop || 0];
    const last = shown.columns.length - 1;
    Object.assign(this.pair, {a: Math.min(this.pair.a, last), b: Math.min(this.pair.b, last)});
    if (last < 1) this.mode = 'grid';
    const images = this.images();
    this.zoom.listen(images);
    host.replaceChildren(this.title(), this.toolbar(), ...this.notes(), images);
    host.querySelector('.cm-grid')?.scrollTo(...scroll);
    this.zoom.place();
  }

  list() {
    this.q('.cm-past').hidden = !this.past.length;
    this.q('.cm-list').replaceChildren(...this.past.map((one) => this.entry(one)));
  }
  entry(one) {
    const remove = async () => {
      await call(this.server.remove({id: one.id}));
      notice('Moved to the workspace’s trash folder', 'good');
      if (this.shown?.id === one.id) this.shown = null;
      await this.refresh();
    };
    const muted = (text) => el('span.cs-small.cs-muted', {}, text);
    const words = [
      el('b', {}, one.name || 'Comparison'),
      muted(one.columns.join(' · ')),
      muted(`${formatTime(one.created)} · ${one.prompts} × ${one.seeds} images per column`),
    ];
    const trash = iconButton('trash', `Move ${one.name || 'this comparison'} to the trash`, (event) =>
      attempt(remove, event.currentTarget),
    );
    const open = {type: 'button', onclick: () => this.open(one.id, true)};
    return el(`li.cm-entry${this.shown?.id === one.id ? '.is-on' : ''}`, {}, el('button.cm-open', open, words), trash);
  }

  async open(id, scroll = false) {
    await attempt(async () => {
      this.shown = await call(this.server.open({id}));
      this.baseline = -1;
      this.zoom.reset();
    });
    this.view();
    this.list();
    if (this.shown && scroll) this.element.scrollIntoView({block: 'start'});
  }
  async refresh() {
    await attempt(async () => {
      this.past = await call(this.server.past({}));
    });
    if (!this.shown && this.past.length && !this.running) {
      this.shown = (await attempt(() => call(this.server.open({id: this.past[0].id})))) || null;
    }
    this.list();
    this.view();
  }

  async look() {
    let answer;
    try {
      answer = await call(this.server.status({}));
    } catch {
      return; // the next look tells
    }
    const before = `${this.task?.id} ${this.task?.state}`;
    const first = this.task === null;
    this.task = answer.task;
    if (this.running && answer.partial) this.showPartial(answer.partial);
    const {task} = this;
    if (task && !this.running && `${task.id} ${task.state}` !== before) await this.ended(first);
    else if (first) await this.refresh();
    this.bar.paint(task, answer.training, () => `${(this.shown?.columns || []).length} columns`);
  }
  showPartial(partial) {
    const state = JSON.stringify([partial.cells.length, partial.columns.map((column) => column.measures)]);
    if (state === this.partial) return;
    this.partial = state;
    this.shown = partial;
    this.setMode('grid');
  }
  async ended(first) {
    const {result, id} = this.task;
    if (result && this.finished !== id) {
      Object.assign(this, {finished: id, shown: null, partial: ''});
      if (result.id) await this.open(result.id);
      if (first && this.shown) this.trigger('again', {id: this.shown.id}); // a reloaded page shows the form as it was
    }
    await this.refresh();
  }

  async tick() {
    this.idle += 1;
    if (this.running || this.bar.starting || this.idle % IDLE_LOOKS === 1) await this.look();
  }
  answered() {
    this.bar.answered();
    this.look();
  }
}

export function mount(part) {
  const comparison = new Comparison(part);
  comparison.q('.cm-quick').addEventListener('click', () => part.trigger('quick'));
  comparison.bar.shortcut(document.querySelector('.cmp-layout') || document.body);
  part.watch('started', () => comparison.answered());
  part.watch('refused', () => comparison.answered());
  poll(part.element, () => comparison.tick(), LOOK_EVERY);
}
