// The measures of the open comparison: what they say in sentences, a table of all columns, as values or as
// differences to one of them, and what each measure means. Refuses to know: how anything is measured; nothing is
// called best here, and a mark needs to be told apart from every other column.
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {count, formatDuration} from '../core/format.js';
import {message} from '../core/notices.js';
import {tables} from '../core/tables.js';
import {measuredBy, missingReasons, shownDifference, shownValue, stackText} from './measures.js';
import {nearestPairs} from './nearest.js';
import {follow, reread} from './opened.js';
import {tradeOffPlot} from './trade_off_plot.js';

const NO_VERDICT = 'Choose a column under “Differences to” to see which of them can be told apart.';
const ALONE = 'There is one column: add another one to compare them.';

const APART = 'told apart from every other column';

class Measures {
  constructor({element, server}) {
    Object.assign(this, {host: element.querySelector('.mt'), server, comparison: null, against: -1});
    this.width = 0;
    new ResizeObserver(() => this.resized()).observe(this.host);
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
    return el('th', {scope: 'col', title: measure.says}, el('b', {}, measure.label), el('span.cs-muted', {}, way));
  }
  cell(place, measure) {
    const {comparison, against} = this;
    const found = against >= 0 && !measure.fact && shownDifference(comparison, place, against, measure);
    if (found) {
      const side = found.told ? (found.better > 0 ? '.is-better' : '.is-worse') : '';
      const words = found.told ? (found.better > 0 ? 'better' : 'worse') : 'cannot be told apart';
      return el(`td.cs-number${side}`, {}, found.text, el('small', {}, found.sure), el('small.mt-words', {}, words));
    }
    const {text, sure, title, apart} = shownValue(comparison, comparison.columns[place], measure);
    const mark = apart && el('span.mt-apart', {role: 'img', 'aria-label': APART, title: APART}, '◆');
    return el('td.cs-number', {title}, mark, text, sure && el('small', {}, sure));
  }
  row(column, place, measures) {
    const {error, message: words, counts} = column;
    const about = [
      column.folder || stackText(column.stack),
      counts && `${count(counts[0], 'image')}, ${count(counts[1], 'reference')}`,
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
      el('th', {scope: 'col'}, el('b', {}, 'Column')),
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
    const line = ([why, titles]) => el('li', {}, `${titles.join(', ')}: ${why}`);
    const reasons = missingReasons(this.comparison, tables.measures).map(line);
    return [...notes, reasons.length > 0 && el('ul.cs-small.cs-muted.mt-why', {}, reasons)];
  }
  /** What each measure says, on demand. */
  about(measures) {
    const how = ({fact, formula, source, range}) =>
      fact ? `${formula}, ${source}` : `${formula}. Range: ${range}. Source: ${source}`;
    const one = (measure) => [
      el('dt', {}, measure.label),
      el('dd', {}, measure.says, el('span.cs-small.cs-muted', {}, `How: ${how(measure)}.`)),
    ];
    return measures.length
      ? el('details.mt-fold', {}, el('summary', {}, 'What the measures say'), el('dl.mt-about', {}, measures.map(one)))
      : null;
  }
  again() {
    const {id, complete, cancelled} = this.comparison;
    if (!complete && !cancelled) return null;
    const measure = async () => {
      await call(this.server.measure_again({id}));
      reread();
    };
    const onclick = (event) => attempt(measure, event.currentTarget);
    return el('button.cs-button.cs-quiet', {type: 'button', onclick}, 'Measure again');
  }
  resized() {
    const width = this.host.clientWidth;
    if (!width || Math.abs(width - this.width) < 24) return;
    this.width = width;
    this.host.querySelector('.mt-trade')?.replaceWith(tradeOffPlot(this.comparison, width));
  }

  paint() {
    if (!this.comparison) {
      this.host.replaceChildren();
      return;
    }
    const {complete, cancelled} = this.comparison;
    const waiting = !complete && !cancelled;
    const later = waiting && el('p.cs-muted.cs-small', {}, 'A column is measured when its images are there.');
    const measures = measuredBy(this.comparison.columns, tables.measures);
    const legend = this.comparison.columns.some((one) => one.told_apart?.length);
    this.width = this.host.clientWidth || this.width;
    const parts = [
      this.verdict(),
      this.choice(),
      this.table(),
      legend && el('p.cs-muted.cs-small', {}, `◆ ${APART}; the smaller numbers are 95 % intervals`),
      later,
      tradeOffPlot(this.comparison, this.width || 560),
      nearestPairs(this.comparison),
      this.about(measures),
      ...this.missing(),
      this.again(),
    ];
    this.host.replaceChildren(...parts.filter(Boolean));
  }
}

export function mount(part) {
  const measures = new Measures(part);
  follow(part.element, 'measures', (comparison) => measures.show(comparison));
}
