// What a run learnt of each image: the least learnt, and what it learnt at once.
// Owns: the card. Refuses to know: how it was measured.

import {progressText} from '../caption/export_words.js';
import {headings} from '../caption/learnt.js';
import {hasWorth, learntText, sourceText, titleOf, worthText} from '../caption/learnt_rules.js';
import {attempt, call} from '../core/calls.js';
import {isLost} from '../core/connection.js';
import {el} from '../core/dom.js';
import {openTab} from '../core/handover.js';
import {isActive} from './run_states.js';

const SHOWN = 5;
const NONE = 'Each image’s loss at fixed noise shows which images the run never learnt.';

const small = (text) => el('p.cs-small.cs-muted', {style: {margin: '0'}}, text);

class LearntList {
  constructor(server) {
    this.server = server;
    this.run = '';
    this.state = null;
    this.body = el('div.cs-stack', {style: {gap: '8px'}});
    this.measure = el('button.cs-button', {type: 'button', onclick: () => this.ask()}, 'Measure each image');
    this.node = el('details.cs-card.cs-fold', {}, el('summary', {}, 'Images, by what was learnt'), this.body);
  }

  clear() {
    Object.assign(this, {run: '', state: null});
    this.body.replaceChildren();
  }
  /** The run that is shown; asks once for it, and again whenever it has measured. */
  async show(run, state) {
    const first = run !== this.run;
    const ended = Boolean(this.state) && isActive(this.state) && !isActive(state);
    Object.assign(this, {run, state});
    if (first || ended) await this.load();
  }
  /** The run may be gone by now; then its view says so. */
  async load() {
    const {run} = this;
    try {
      const found = await call(this.server.learnt({run}));
      if (run === this.run) this.fill(found);
    } catch (error) {
      if (error.parts?.kind !== 'MissingError' && !isLost()) throw error;
    }
  }
  fill(found) {
    if (found) this.body.replaceChildren(...this.parts(found));
    else this.body.replaceChildren(small(NONE), ...(isActive(this.state) ? [] : [this.measure]));
  }
  parts(found) {
    const never = found.rows.filter((row) => row.never).length;
    const open = () => openTab('caption', {dataset: found.dataset});
    const link = el('button.cs-button.cs-quiet', {type: 'button', onclick: open}, 'Show the images');
    const tables = [
      this.table(hasWorth(found) ? 'Its caption tells least' : 'Learnt least', found.rows),
      this.table('Learnt most', found.most),
    ];
    return [
      small(sourceText(found)),
      never > 0 && el('p.is-warn', {style: {margin: '0'}}, `${never} never learnt: mislabelled?`),
      el('div.cs-pair', {style: {gap: '22px'}}, tables),
      found.dataset && el('div.cs-toolbar', {}, link),
    ].filter(Boolean);
  }
  table(title, rows) {
    const head = el('tr', {}, headings(title));
    const line = (row) => {
      const figures = [worthText(row), learntText(row)].map((text) => el('td.cs-number', {}, text));
      return el('tr', {title: titleOf(row)}, el('td', {}, row.file), figures);
    };
    return el('table.cs-report-table', {}, head, rows.slice(0, SHOWN).map(line));
  }

  /** Measures a run that ended without a measurement. */
  ask() {
    return attempt(async () => {
      const {run} = this;
      let task = await call(this.server.measure_images({run}));
      while (task?.state === 'running') {
        this.measure.textContent = progressText(task);
        await new Promise((next) => setTimeout(next, 500));
        task = await call(this.server.measuring_images(null));
      }
      this.measure.textContent = 'Measure each image';
      if (task?.error) throw Object.assign(new Error(task.error.what), {parts: task.error});
      if (run === this.run) await this.load();
    }, this.measure);
  }
}

export const learntList = (server) => new LearntList(server);
