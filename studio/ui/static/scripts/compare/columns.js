// The columns of a comparison. Owns: adding, naming, ordering and removing them and their files.
// Value: columns as in `column_list.js`.
import {adapterFacts, adapterThumb} from '../core/adapters.js';
import {attempt, call, partsOf, refusal} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {el} from '../core/dom.js';
import {restored} from '../core/draft.js';
import {count, fileName} from '../core/format.js';
import {receive} from '../core/handover.js';
import {icon, iconButton} from '../core/icons.js';
import {menuButton} from '../core/menu.js';
import {message, notice} from '../core/notices.js';
import {ownValue} from '../core/own_value.js';
import {tables} from '../core/tables.js';
import {clamp, clone} from '../core/values.js';
import * as model from './column_list.js';
import {dropTarget} from './drop_target.js';
import {SourceMenu} from './source_menu.js';

const [LEAST, MOST] = tables.limits.strength;
const MOST_TROUBLES = 4;
const SHARES = [0.25, 0.5, 0.75];

class Columns {
  constructor(part) {
    Object.assign(this, {part, element: part.element, props: part.props, server: part.server});
    this.columns = clone(part.props.value) || [];
    this.known = new Map(); // path → facts of a file
    this.sources = null; // what can become a column; null until the server was asked
    this.troubles = [];
    this.menu = new SourceMenu(this);
    this.setValue = ownValue(part, () => this.fromPython());
  }

  /** The chosen base: the last one, while a busy page has none for a moment. */
  get base() {
    if (this.props.base) this.lastBase = this.props.base;
    return this.lastBase || '';
  }

  q(selector) {
    return this.element.querySelector(selector);
  }
  commit(next, rerender = true) {
    this.columns = next;
    this.setValue(next);
    this.part.trigger('input');
    if (rerender) this.render();
    this.describe();
  }
  fromPython() {
    this.columns = clone(this.props.value) || [];
    this.render();
    this.describe();
  }
  patch(at, fields, rerender = true) {
    this.commit(model.withColumn(this.columns, at, fields), rerender);
  }
  add(...added) {
    this.commit(model.withColumns(this.columns, added, tables.limits.columns));
  }

  fileRow(at, one) {
    const facts = this.known.get(one.path) || {name: fileName(one.path)};
    const limits = {type: 'number', min: LEAST, max: MOST, step: 0.05, value: one.strength};
    const strength = el('input.cs-input.st-number', {...limits, 'aria-label': `Strength of ${facts.name}`});
    strength.addEventListener('change', () => {
      const value = clamp(Number(strength.value) || 0, LEAST, MOST);
      const {stack: now} = this.columns[at];
      const next = now.map((other) => (other.path === one.path ? {...other, strength: value} : other));
      this.patch(at, {stack: next}, false);
    });
    const remove = () => this.patch(at, {stack: model.withoutFile(this.columns[at].stack, one.path)});
    return el(
      'div.co-file',
      {},
      adapterThumb(facts, '.co-thumb'),
      el(
        'div.st-title',
        {},
        el('b', {title: one.path}, facts.name),
        facts.problem ? el('span.sh-problem', {}, facts.problem) : adapterFacts(facts),
      ),
      el('span.cs-spacer'),
      strength,
      iconButton('close', `Take ${facts.name} out of this column`, remove),
    );
  }

  card(column, at) {
    const {columns} = this;
    const label = `Name of column ${at + 1}`;
    const name = el('input.cs-input.co-name', {value: column.name, maxlength: 60, 'aria-label': label});
    name.addEventListener('change', () => this.patch(at, {name: name.value.trim() || `Column ${at + 1}`}, false));
    const left = () => this.commit(model.movedColumn(this.columns, at, -1));
    const remove = () => this.commit(model.withoutColumn(this.columns, at));
    const files = column.stack.map((one) => this.fileRow(at, one));
    const words = column.folder ? `Images of ${column.folder}` : 'The base model alone';
    const plain = el('p.cs-small.cs-muted.co-plain', {title: column.folder || ''}, words);
    const free = tables.limits.columns - columns.length;
    const more = () => [
      ['Duplicate', () => this.add({...clone(column)})],
      ...(files.length
        ? [[`Also at ${SHARES.join(', ')} of the strength`, () => this.add(...model.atStrengths(column, SHARES))]]
        : []),
    ];
    const node = el(
      'li.co-card',
      {},
      el(
        'div.co-top',
        {},
        el('span.co-dot.cs-number', {'aria-hidden': 'true'}, at + 1),
        name,
        free > 0 && menuButton(`More for column ${column.name}`, more),
        at > 0 && iconButton('up', 'Move left', left),
        iconButton('close', `Remove column ${column.name}`, remove),
      ),
      files.length ? files : plain,
    );
    this.acceptDrops(node, (paths) => this.patch(at, {stack: model.withFiles(this.columns[at].stack, paths)}));
    return node;
  }

  render() {
    const {columns} = this;
    this.q('.co-list').replaceChildren(...columns.map((column, at) => this.card(column, at)));
    this.q('.co-count').textContent = columns.length ? String(columns.length) : '';
    this.q('.co-quick').hidden = columns.length > 0;
    this.q('.co-add').disabled = columns.length >= tables.limits.columns;
    const trouble = (parts) =>
      message(parts, 'error', () => {
        this.troubles = this.troubles.filter((one) => one !== parts);
        this.render();
      });
    this.q('.st-troubles').replaceChildren(...this.troubles.map(trouble));
  }

  /** What is dropped on `node`: `accept(paths)`, after files from outside have been taken in. */
  acceptDrops(node, accept) {
    dropTarget(node, accept, (files) => this.take(files));
  }
  async take(files) {
    const paths = [];
    for (const file of files) {
      try {
        paths.push(await this.taken(file));
      } catch (error) {
        const parts = error.parts || {...partsOf(error, 'This file could not be sent'), where: file.name};
        this.troubles = [parts, ...this.troubles].slice(0, MOST_TROUBLES);
      }
    }
    this.render();
    return paths;
  }
  async taken(file) {
    const sent = await this.part.upload(file);
    const answer = await call(this.server.take_file({path: sent.path, name: file.name, base: this.base}));
    if (!answer.card) {
      throw refusal({
        what: 'This is an image, not an adapter',
        where: file.name,
        remedy: 'Drop it on the Generate tab to get its settings back.',
      });
    }
    this.known.set(answer.card.path, answer.card);
    return answer.card.path;
  }

  /** Asks for the facts of files that are not known yet, or of all. */
  async describe(all = false) {
    const every = new Set(this.columns.flatMap((column) => column.stack.map((one) => one.path)));
    const paths = [...every].filter((path) => all || !this.known.has(path));
    if (!paths.length) return;
    await attempt(async () => {
      const found = await call(this.server.describe({paths, base: this.base}));
      for (const facts of found) this.known.set(facts.path, facts);
    });
    this.render();
  }

  async load() {
    await attempt(async () => {
      this.sources = await call(this.server.sources({base: this.base}));
    });
  }

  /** Files that were dropped anywhere on the tab, each a column. */
  dropped(paths) {
    const before = this.columns.length;
    tell('studio:mode', {area: 'compare', mode: 'columns'});
    this.add(...paths.map((path) => model.newColumn(this.known.get(path)?.name || 'Adapter', path)));
    const added = this.columns.length - before;
    const it = added === 1 ? 'it' : 'them';
    if (added) notice(`${count(added, 'column was', 'columns were')} added: press Compare to generate ${it}`, 'good');
  }

  /** “Compare” elsewhere in the studio: {adapters: [path]} or {run: id} or {columns: […]}, and base. */
  async brought(payload) {
    await restored('compare'); // the draft has columns of its own
    if (payload.base && payload.base !== this.base) this.part.trigger('rebase', {base: payload.base});
    await this.load();
    const added = payload.columns || model.wanted(this.sources || [], payload).map(model.columnOf);
    if (!this.columns.some((column) => !column.stack.length)) this.add(model.baseColumn());
    if (added.length) this.add(...added);
    else notice('There is no finished file to compare yet', 'warning');
  }

  listen() {
    this.q('.co-add').prepend(icon('plus', 14));
    this.menu.listen();
    this.q('.co-quick').addEventListener('click', () => tell('studio:quick-comparison'));
    this.acceptDrops(document.querySelector('.cmp-layout'), (paths) => this.dropped(paths));
    hear(this.element, 'studio:renamed', ({from, to}) => {
      const held = this.columns.some((column) => column.stack.some((one) => one.path === from));
      if (held) this.commit(model.withRenamed(this.columns, from, to));
    });
    receive('compare', (payload) => this.brought(payload));
    this.part.watch('base', () => this.describe(true));
    new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) this.part.trigger('shown');
    }).observe(this.element);
  }
}

export function mount(part) {
  const columns = new Columns(part);
  columns.listen();
  columns.render();
  columns.describe();
}
