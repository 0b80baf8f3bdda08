// A choice among checkpoints, opened: recommendation, curves, the table, and the button that writes the file.
// Owns: how it is shown. Refuses to know: which comparison is open (`opened.js`), how a race is run.
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {openTab} from '../core/handover.js';
import {message, notice} from '../core/notices.js';
import {poll} from '../core/timing.js';
import {checkpointPlot, plotKey} from './checkpoint_plot.js';
import {candidateText, MEASURES, raceText, rowsOf} from './checkpoint_rules.js';
import {follow, openedNow, reread} from './opened.js';

const LOOK_EVERY = 1500;
const NONE =
  'This comparison is no choice among checkpoints. “Checkpoints”, beside “Columns”, starts one: it races all ' +
  'checkpoints of a run at several strengths and recommends one.';

class Curves {
  constructor({element, server}) {
    Object.assign(this, {element, server, id: '', selection: null, seen: ''});
    this.host = element.querySelector('.ck');
  }

  async show(comparison) {
    const id = comparison?.id || '';
    if (id !== this.id) Object.assign(this, {id, selection: null, seen: ''});
    await this.look();
  }

  async look() {
    const {id} = this;
    if (!id) {
      this.host.replaceChildren();
      return;
    }
    const found = await call(this.server.selection({id}));
    const state = JSON.stringify(found);
    if (id !== this.id || state === this.seen) return;
    Object.assign(this, {selection: found, seen: state});
    this.render();
  }
  async tick() {
    if (this.id && this.selection && !this.selection.complete && openedNow()?.id === this.id) await this.look();
  }

  render() {
    const {selection} = this;
    if (!selection) {
      this.host.replaceChildren(el('p.cs-muted.ck-none', {}, NONE));
      return;
    }
    const open = this.host.querySelector('details')?.open;
    const plots = MEASURES.map((measure) => checkpointPlot(selection, measure));
    this.host.replaceChildren(
      this.answer(),
      el(
        'section.cs-card.ck-curves',
        {'aria-label': 'Curves over steps'},
        plotKey(selection),
        el('div.ck-plots', {}, plots),
      ),
      this.table(open),
    );
  }

  /** The recommendation, and what can be done with it. */
  answer() {
    const {selection} = this;
    const {recommended, reason, notes = [], written, complete} = selection;
    const title = complete ? reason : reason && `So far: ${reason}`;
    return el(
      'section.cs-card.ck-answer',
      {'aria-label': 'Recommendation'},
      el('p.ck-reason', {role: 'status'}, title || 'The race has just begun.'),
      el('p.cs-small.cs-muted', {}, raceText(selection)),
      recommended &&
        complete &&
        el('div.cs-toolbar', {}, this.useButton(recommended, '.cs-primary'), this.compareButton()),
      written && el('p.cs-small', {}, `Written as the run’s file: ${candidateText(written)}.`),
      notes.map((note) => message({what: note}, 'warning')),
    );
  }
  compareButton() {
    const shows = () => openTab('compare:open', {inside: `${this.id}/images`});
    return el('button.cs-button', {type: 'button', onclick: shows}, 'See the images');
  }
  useButton(candidate, style = '') {
    const onclick = (event) => attempt(() => this.write(candidate), event.currentTarget);
    const text = style ? `Use ${candidateText(candidate)}` : 'Use';
    const label = `Use ${candidateText(candidate)} as the run’s file`;
    return el(`button.cs-button${style}`, {type: 'button', onclick, 'aria-label': label}, text);
  }
  async write({run, step, strength}) {
    const {id} = this;
    const answer = await call(this.server.write({id, run, step, strength, with_strength: true}));
    notice({what: answer.said}, 'good', {seconds: 12});
    this.seen = '';
    await this.look();
    reread();
  }

  table(open) {
    const heads = ['Checkpoint', ...MEASURES.map((measure) => measure.title), 'Images', '', ''];
    const row = ({entry, name, values, images, standing}) => {
      const mine = standing === 'recommended';
      return el(
        `tr${mine ? '.is-chosen' : ''}${entry.out ? '.is-out' : ''}`,
        {},
        el('th', {scope: 'row'}, name),
        values.map((value) => el('td.cs-number', {}, value)),
        el('td.cs-number', {}, images),
        el('td', {}, standing),
        el('td', {}, this.selection.complete && this.useButton(entry)),
      );
    };
    const head = el(
      'tr',
      {},
      heads.map((text) => el('th', {scope: 'col'}, text)),
    );
    const body = rowsOf(this.selection).map(row);
    const table = el('table.ck-table', {}, el('thead', {}, head), el('tbody', {}, body));
    return el(
      'details.cs-card.ck-details',
      {open},
      el('summary', {}, 'All values, and why candidates are out'),
      el('div.ck-scroll', {tabindex: 0, role: 'group', 'aria-label': 'Values, scroll sideways'}, table),
    );
  }
}

export function mount(part) {
  const curves = new Curves(part);
  follow(part.element, 'curves', (comparison) => attempt(() => curves.show(comparison)));
  poll(part.element, () => curves.tick(), LOOK_EVERY);
}
