// A grid along up to three axes: the form, the page that is shown, earlier grids.
// Refuses to know: what an axis does.
import {laneTitle} from '../core/adapters.js';
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {hear, lanesNow} from '../core/channel.js';
import {el, flip, isOn} from '../core/dom.js';
import {count, formatTime} from '../core/format.js';
import {icon, iconButton, labelled} from '../core/icons.js';
import {notice} from '../core/notices.js';
import {runBar} from '../core/run_bar.js';
import {poll} from '../core/timing.js';
import {clamp} from '../core/values.js';
import {axesForm} from './axes_form.js';
import {enlargeCell} from './grid_large.js';
import {gridTable} from './grid_table.js';

const LOOK_EVERY = 600; // milliseconds
const IDLE_LOOKS = 8; // while nothing runs, every eighth time

class AxesGrid {
  constructor({element, trigger, server}) {
    Object.assign(this, {element, trigger, server});
    this.task = null;
    this.shown = null; // the grid in view
    this.page = 0;
    this.past = [];
    this.idle = 0;
    this.finished = null; // the task whose grid was opened when it ended
    this.form = axesForm(this.q('.ax-axes'));
    this.bar = runBar(this.q('.ax-run'), {
      label: 'Generate grid',
      start: () => this.start(),
      cancel: () => server.grid_interrupt({}),
      look: () => this.look(),
    });
  }

  q(selector) {
    return this.element.querySelector(selector);
  }
  get running() {
    return this.task?.state === 'running';
  }
  get filled() {
    return this.shown ? this.shown.cells.filter((cell) => cell.file || cell.error).length : -1;
  }
  at(x, y) {
    return this.shown.cells.find((cell) => cell.x === x && cell.y === y && cell.page === this.page);
  }

  start() {
    const json = JSON.stringify({...this.form.read(), baseline: isOn(this.q('.ax-baseline .cs-switch'))});
    this.trigger('grid', {json, lane: this.q('.ax-lane select').selectedIndex});
  }

  pageButtons() {
    const {title, headings} = this.shown.sides.pages;
    if (headings.length < 2) return null;
    const button = (heading, k) => {
      const onclick = () => {
        this.page = k;
        this.view();
      };
      const on = k === this.page;
      const attributes = {type: 'button', 'aria-pressed': String(on), onclick};
      return el(`button.cs-button${on ? '.is-on' : ''}`, attributes, heading);
    };
    return el('div.cm-modes', {role: 'group', 'aria-label': title || 'Pages'}, headings.map(button));
  }

  toolbar() {
    const {shown} = this;
    const done = shown.cells.filter((cell) => cell.file).length;
    const resume = async () => {
      await call(this.server.grid_resume({id: shown.id}));
      await this.look();
    };
    const rest = (event) => attempt(resume, event.currentTarget);
    const sheet = shown.sheets[this.page];
    const link = {href: fileUrl(`${shown.folder}/${sheet}`), download: `${shown.id}-${sheet}`};
    return el(
      'div.cs-toolbar',
      {},
      el('b', {}, shown.name || 'Grid'),
      el('span.cs-small.cs-muted', {}, `${shown.base} · ${done} of ${count(shown.cells.length, 'image')}`),
      this.pageButtons(),
      el('span.cs-spacer'),
      !shown.complete && !this.running && labelled('reuse', 'Generate the rest', rest),
      sheet && el('a.cs-button', link, icon('download', 15), 'Contact sheet'),
    );
  }

  view() {
    const {shown} = this;
    this.q('.ax-empty').hidden = Boolean(shown) || this.running;
    const host = this.q('.ax-view');
    if (!shown) {
      host.replaceChildren();
      return;
    }
    const old = host.querySelector('.ax-grid');
    const scroll = [old?.scrollLeft || 0, old?.scrollTop || 0];
    this.page = Math.min(this.page, shown.sides.pages.headings.length - 1);
    const at = (x, y) => this.at(x, y);
    const enlarge = (cell) => enlargeCell(shown, cell, at);
    const table = gridTable(shown, at, {running: this.running, enlarge});
    host.replaceChildren(this.toolbar(), table);
    table.scrollTo(...scroll);
  }

  list() {
    this.q('.ax-past').hidden = this.past.length < 2;
    this.q('.ax-list').replaceChildren(...this.past.map((one) => this.entry(one)));
  }
  entry(one) {
    const images = `${one.done === one.cells ? '' : `${one.done} of `}${count(one.cells, 'image')}`;
    const about = `${formatTime(one.created)} · ${one.base} · ${images}`;
    const remove = async () => {
      await call(this.server.grid_remove({id: one.id}));
      notice('Moved to the workspace’s trash folder', 'good');
      if (this.shown?.id === one.id) this.shown = null;
      await this.refresh();
    };
    const open = {type: 'button', onclick: () => this.open(one.id)};
    const words = [el('b', {}, one.name || 'Grid'), el('span.cs-small.cs-muted', {}, about)];
    const trash = iconButton('trash', `Move the grid ${one.name} to the trash`, (event) =>
      attempt(remove, event.currentTarget),
    );
    const current = this.shown?.id === one.id ? '.is-on' : '';
    return el(`li.cm-entry${current}`, {}, el('button.cm-open', open, words), trash);
  }

  async open(id) {
    const grid = await attempt(() => call(this.server.grid_open({id})));
    if (!grid) return;
    this.shown = grid;
    this.view();
    this.list();
  }

  async refresh() {
    await attempt(async () => {
      this.past = await call(this.server.grid_past({}));
    });
    if (!this.shown && this.past.length && !this.running) await this.open(this.past[0].id);
    this.view();
    this.list();
  }

  async look() {
    let answer;
    try {
      answer = await call(this.server.grid_status({known: this.filled}));
    } catch {
      return; // the next look tells
    }
    const first = this.task === null;
    const before = `${this.task?.id} ${this.task?.state}`;
    this.task = answer.task;
    const changed = this.task && `${this.task.id} ${this.task.state}` !== before;
    if (changed && this.running) this.began();
    if (answer.grid && (!this.shown || this.shown.id === answer.grid.id)) {
      this.shown = answer.grid;
      this.view();
    }
    if (changed && !this.running) await this.ended();
    else if (first) await this.refresh();
    this.bar.paint(this.task, answer.training, () => count(this.shown ? this.shown.cells.length : 0, 'image'));
  }
  began() {
    if (this.shown?.id === this.task.about.grid) return;
    this.shown = null;
    this.page = 0;
    this.view();
  }
  async ended() {
    if (this.task.result && this.finished !== this.task.id) {
      this.finished = this.task.id;
      await this.open(this.task.result.id);
    } else if (this.shown) await this.open(this.shown.id); // interrupted: what is there, and the button for the rest
    await this.refresh();
  }

  offerLanes() {
    const {lanes} = lanesNow();
    const select = this.q('.ax-lane select');
    const chosen = clamp(select.selectedIndex, 0, Math.max(0, lanes.length - 1));
    select.replaceChildren(...lanes.map((one, k) => el('option', {}, laneTitle(one, k))));
    select.selectedIndex = chosen;
    this.q('.ax-lane').hidden = lanes.length < 2;
  }

  get visible() {
    return this.element.offsetParent !== null;
  }

  async offer() {
    if (!this.visible) return;
    await attempt(async () => this.form.offer(await call(this.server.grid_choices({}))));
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
  const grid = new AxesGrid(part);
  grid.q('.ax-baseline .cs-switch').addEventListener('click', (event) => flip(event.currentTarget));
  hear(part.element, 'studio:library', () => grid.offer());
  hear(part.element, 'studio:mode-shown', () => grid.offer());
  hear(part.element, 'studio:lanes-shown', () => grid.offerLanes());
  grid.offerLanes();
  grid.bar.shortcut(document.querySelector('.gen-layout') || document.body);
  part.watch('started', () => grid.answered());
  part.watch('refused', () => grid.answered());
  grid.offer();
  poll(part.element, () => grid.tick(), LOOK_EVERY);
}
