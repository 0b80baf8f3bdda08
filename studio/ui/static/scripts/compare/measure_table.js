// The measures of the open comparison: what they say in sentences, and a table of all columns, as values or as
// differences to one of them. Refuses to know: how anything is measured; nothing is called best here.
import {el} from '../core/dom.js';
import {formatDuration} from '../core/format.js';
import {message} from '../core/notices.js';
import {tables} from '../core/tables.js';
import {measuredBy, missingReasons, shownDifference, shownValue, stackText} from './measures.js';
import {follow} from './opened.js';

const NO_VERDICT = 'Choose a column under “Differences to” to see which of them can be told apart.';
const ALONE = 'There is one column: add another one to compare them.';

class Measures {
  constructor({element}) {
    Object.assign(this, {host: element.querySelector('.mt'), comparison: null, against: -1});
  }

  show(comparison) {
    if (comparison?.id !== this.comparison?.id) this.against = -1;
    this.comparison = comparison;
    this.paint();
  }

  verdict() {
    const {verdict = [], columns} = this.comparison;
    if (verdict.length)
      return el(
        'ul.mt-verdict',
        {},
        verdict.map((text) => el('li', {}, text)),
      );
    if (!(this.comparison.differences || []).length) return null;
    return el('p.cs-muted.cs-small', {}, columns.length > 1 ? NO_VERDICT : ALONE);
  }
  choice() {
    const {columns, differences = []} = this.comparison;
    if (!differences.length) return null;
    const option = (value, text) => el('option', {value, selected: this.against === value}, text);
    const onchange = (event) => {
      this.against = Number(event.currentTarget.value);
      this.paint();
      this.host.querySelector('.mt-against').focus();
    };
    const attributes = {'aria-label': 'Differences to', onchange};
    const options = [option(-1, 'values'), columns.map((one, k) => option(k, `differences to ${one.name}`))];
    return el('label.cm-tool.cs-small.cs-muted', {}, 'Show', el('select.cs-input.mt-against', attributes, options));
  }

  heading(measure) {
    const way = measure.better === 'lower' ? 'lower is better' : 'higher is better';
    const title = `${measure.says.replace(/\.$/, '')}: ${measure.formula}.`;
    return el('th', {scope: 'col', title}, measure.label, el('span.cs-muted', {}, way));
  }
  cell(place, measure) {
    const {comparison, against} = this;
    const found = against >= 0 && !measure.fact && shownDifference(comparison, place, against, measure);
    if (found) {
      const side = found.told ? (found.better > 0 ? '.is-better' : '.is-worse') : '';
      const words = found.told ? (found.better > 0 ? 'better' : 'worse') : 'cannot be told apart';
      return el(`td.cs-number${side}`, {}, found.text, el('small', {}, found.sure), el('small.mt-words', {}, words));
    }
    const {text, sure, title} = shownValue(comparison, comparison.columns[place], measure);
    return el('td.cs-number', {title}, text, sure && el('small', {}, sure));
  }
  row(column, place, measures) {
    const {error, message: words, counts} = column;
    const about = [
      column.folder || stackText(column.stack),
      counts && `n = ${counts[0]} / ${counts[1]}`,
      !measures.some((one) => one.key === 'seconds') && column.seconds && `trained ${formatDuration(column.seconds)}`,
    ].filter(Boolean);
    const name = el('th', {scope: 'row'}, el('b', {}, column.name), el('span.cs-muted', {}, about.join(' · ')));
    const cells = error
      ? el('td', {colspan: Math.max(1, measures.length)}, el('p.sh-problem', {}, words || error.what))
      : measures.map((measure) => this.cell(place, measure));
    const chosen = place === this.against ? '.is-chosen' : '';
    return el(`tr${chosen}`, {}, name, cells);
  }
  table() {
    const {columns, complete, cancelled} = this.comparison;
    const to_come = !complete && !cancelled && tables.measures.filter((one) => !one.fact);
    const measures = to_come || measuredBy(columns, tables.measures);
    if (!measures.length && !columns.some((column) => column.error)) return null;
    const head = el(
      'tr',
      {},
      el('th', {scope: 'col'}, 'Column'),
      measures.map((one) => this.heading(one)),
    );
    const rows = columns.map((column, place) => this.row(column, place, measures));
    return el(
      'div.mt-scroll',
      {tabindex: 0, role: 'region', 'aria-label': 'Measures of every column'},
      el('table.mt-table', {}, el('thead', {}, head), el('tbody', {}, rows)),
    );
  }
  missing() {
    const notes = (this.comparison.notes || []).map((text) => message({what: text}, 'info'));
    if (notes.length) return notes;
    const line = ([why, titles]) => el('p.cs-small.cs-muted.mt-why', {}, `— ${titles.join(', ')}: ${why}`);
    return missingReasons(this.comparison, tables.measures).map(line);
  }

  paint() {
    if (!this.comparison) {
      this.host.replaceChildren();
      return;
    }
    const {complete, cancelled} = this.comparison;
    const waiting = !complete && !cancelled;
    const later = waiting && el('p.cs-muted.cs-small', {}, 'A column is measured when its images are there.');
    const parts = [this.verdict(), this.choice(), this.table(), later, ...this.missing()];
    this.host.replaceChildren(...parts.filter(Boolean));
  }
}

export function mount(part) {
  const measures = new Measures(part);
  follow(part.element, 'measures', (comparison) => measures.show(comparison));
}
