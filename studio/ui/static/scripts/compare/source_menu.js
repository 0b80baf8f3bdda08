// The menu of what can become a column: the base, the stacks of the Generate tab, runs, adapters.
import {adapterFacts, adapterThumb, laneTitle} from '../core/adapters.js';
import {attempt, call} from '../core/calls.js';
import {lanesNow} from '../core/channel.js';
import {el} from '../core/dom.js';
import {count, formatDuration, searchWords} from '../core/format.js';
import {tables} from '../core/tables.js';
import {clone} from '../core/values.js';
import {baseColumn, columnOf, matching} from './column_list.js';

const MOST_ROWS = 120;
const NOTHING = 'No runs or adapters yet: train one, or drop files below.';

const heading = (text) => el('li.co-group.cs-small.cs-muted', {}, text);

export class SourceMenu {
  constructor(columns) {
    this.columns = columns;
  }

  q(selector) {
    return this.columns.q(selector);
  }

  entry(title, about, glyph, ...added) {
    const onclick = () => {
      this.columns.add(...added);
      this.toggle(false);
    };
    const words = el('span.st-title', {}, el('b', {}, title), el('span.st-meta', {}, about));
    return el('li', {}, el('button.co-source', {type: 'button', onclick}, glyph, words));
  }

  /** The base, and the stacks of the Generate tab. */
  always() {
    const letter = () => adapterThumb({name: 'S', kind: 'aesthetic'}, '.co-thumb');
    const {lanes} = lanesNow();
    const many = lanes.length > 1;
    const stacks = lanes.map((lane, k) => ({
      name: many ? laneTitle(lane, k) : lane.name || 'Stack',
      stack: lane.stack,
      seconds: null,
    }));
    const rows = [this.entry('Base', 'the base model alone', adapterThumb({name: 'B'}, '.co-thumb'), baseColumn())];
    if (many) {
      rows.push(this.entry('All lanes of the Generate tab', count(stacks.length, 'lane'), letter(), ...clone(stacks)));
    }
    for (const one of stacks.filter((stack) => stack.stack.length)) {
      const title = many ? `${one.name} (Generate tab)` : 'The stack on the Generate tab';
      rows.push(this.entry(title, count(one.stack.length, 'adapter'), letter(), clone(one)));
    }
    return rows;
  }

  /** The checkpoints of a run, as many as there is room for. */
  checkpoints(source) {
    const add = async (event) => {
      const free = tables.limits.columns - this.columns.columns.length;
      const asked = call(this.columns.server.checkpoints({run: source.run, free}));
      const found = await attempt(() => asked, event.currentTarget);
      if (!found) return;
      this.columns.add(...found);
      this.toggle(false);
    };
    const label = count(source.checkpoints, 'checkpoint');
    return el(
      'button.cs-button.cs-quiet',
      {type: 'button', 'aria-label': `Add the ${label} of ${source.name}`, onclick: add},
      label,
    );
  }
  async addFolder(form) {
    const text = form.querySelector('input');
    const found = await attempt(
      () => call(this.columns.server.folder({path: text.value})),
      form.querySelector('button'),
    );
    if (!found) return;
    text.value = '';
    this.columns.add(found);
    this.toggle(false);
  }

  source(source) {
    const run = () => el('span', {}, `${count(source.steps ?? '–', 'step')} · ${formatDuration(source.seconds)}`);
    const about = source.group === 'Runs' ? run() : adapterFacts(source);
    const row = this.entry(source.name, about, adapterThumb(source, '.co-thumb'), columnOf(source));
    if (source.checkpoints > 1) row.append(this.checkpoints(source));
    return row;
  }

  render() {
    const {sources} = this.columns;
    const words = searchWords(this.q('.co-menu input').value);
    const rows = words.length ? [] : this.always();
    let group = '';
    for (const source of matching(sources || [], words)) {
      if (source.group !== group) rows.push(heading(source.group));
      group = source.group;
      rows.push(this.source(source));
      if (rows.length > MOST_ROWS) break;
    }
    if (sources && !sources.length) rows.push(heading(NOTHING));
    this.q('.co-sources').replaceChildren(...rows);
  }

  async toggle(open) {
    this.q('.co-menu').hidden = !open;
    this.q('.co-add').setAttribute('aria-expanded', String(open));
    if (!open) {
      this.q('.co-add').focus({preventScroll: true});
      return;
    }
    const search = this.q('.co-menu input');
    search.value = '';
    search.focus();
    await this.columns.load();
    this.render();
  }

  listen() {
    this.q('.co-add').addEventListener('click', () => this.toggle(this.q('.co-menu').hidden));
    this.q('.co-menu input').addEventListener('input', () => this.render());
    this.q('.co-folder').addEventListener('submit', (event) => {
      event.preventDefault();
      this.addFolder(event.currentTarget);
    });
    this.q('.co-menu').addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.toggle(false);
    });
  }
}
