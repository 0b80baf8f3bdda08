// The report of the open comparison. Owns: the question and the notes, what a report will hold, its downloads.
// Refuses to know: which comparison is open (`opened.js`), how a report reads.
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {message} from '../core/notices.js';
import {follow} from './opened.js';
import {differs, fileAddress, outlookRows} from './report_words.js';

const PAUSE = 1200; // milliseconds without a key until what was typed is kept
const QUESTION = 'What should this comparison answer?';
const NOTES = 'What a reader should know: where the files are from, what you conclude.';
const DOWNLOADS = [
  ['report.html', 'Download report', 'One web page with all images inside', '.cs-primary'],
  ['sheet.png', 'Contact sheet', 'All images in one PNG, with headings', ''],
  ['comparison.zip', 'Zip', 'Everything, to be opened in another studio', ''],
  ['report.csv', 'CSV', 'The numbers, for a spreadsheet', '.cs-quiet'],
  ['comparison.json', 'JSON', 'The numbers as they are recorded', '.cs-quiet'],
  ['report.md', 'Markdown', 'The table, for a forum or a readme', '.cs-quiet'],
];

class Report {
  constructor({element, server, props}) {
    Object.assign(this, {element, server, props});
    this.host = element.querySelector('.rp');
    this.id = null;
    this.kept = {question: '', notes: ''};
    this.waiting = 0;
  }

  /** A field whose text is kept when one pauses or leaves it. */
  field(name, label, placeholder, rows) {
    const attributes = {rows, placeholder, maxlength: this.props.longest[name], 'aria-label': label};
    const node = el('textarea.cs-input', attributes);
    node.addEventListener('input', () => {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => attempt(() => this.keep()), PAUSE);
      this.state.textContent = '';
    });
    node.addEventListener('change', () => attempt(() => this.keep()));
    this[name] = node;
    return el('label.cs-label', {}, label, node);
  }
  /** Keeps what was typed, for the comparison that it was typed for. */
  async keep() {
    clearTimeout(this.waiting);
    if (!this.id || !this.question) return;
    const {id} = this;
    const typed = {question: this.question.value, notes: this.notes.value};
    if (!differs(typed, this.kept)) return;
    this.kept = typed;
    try {
      await call(this.server.say({id, ...typed}));
    } catch (error) {
      if (id === this.id) this.kept = {question: '', notes: ''}; // so that the next try sends it again
      throw error;
    }
    if (id === this.id) this.state.textContent = 'Kept with the comparison';
  }

  /** A link that waits until what was typed is kept. */
  link(file, label, title, extra, more = {}) {
    const href = new URL(fileAddress(this.id, file), document.baseURI).href;
    const onclick = async (event) => {
      if (event.currentTarget.dataset.kept) return;
      event.preventDefault();
      const node = event.currentTarget;
      await attempt(() => this.keep());
      node.dataset.kept = 'yes';
      node.click();
      delete node.dataset.kept;
    };
    return el(`a.cs-button${extra}`, {href, title, onclick, ...more}, icon('download', 15), label);
  }
  downloads(found) {
    const made = DOWNLOADS.filter(([file]) => found.images || file !== 'sheet.png').map(([file, label, title, extra]) =>
      this.link(file, label, title, extra, {download: ''}),
    );
    const look = {target: '_blank', rel: 'noopener'};
    made.splice(1, 0, this.link('report.html', 'Open report', 'In a new tab', '', look));
    return el('div.rp-buttons', {}, made);
  }

  async show(comparison) {
    const same = comparison && comparison.id === this.id;
    if (!same) await attempt(() => this.keep());
    this.id = comparison?.id || null;
    if (!same) {
      this.question = null; // its fields are of another comparison
      this.host.replaceChildren();
    }
    if (!this.id) return;
    const {id} = this;
    const found = await attempt(() => call(this.server.outlook({id})));
    if (id !== this.id || !found) return;
    const facts = el(
      'dl.cs-facts',
      {},
      outlookRows(found).map(([label, text]) => [el('dt', {}, label), el('dd', {}, text)]),
    );
    const note = found.note && message({what: found.note}, 'info');
    const whole = comparison.complete || comparison.cancelled;
    const unfinished =
      !whole &&
      message(
        {what: 'This comparison is not finished', why: 'A report made now has the images that are there so far.'},
        'info',
      );
    const card = el(
      'section.cs-card.rp-card',
      {'aria-label': 'Report'},
      unfinished,
      facts,
      note,
      this.downloads(found),
    );
    if (same && this.host.children.length === 2) {
      this.host.lastElementChild.replaceWith(card); // what is being typed stays
      return;
    }
    this.kept = found.said;
    this.state = el('span.cs-small.cs-muted', {role: 'status'});
    const fields = [this.field('question', 'Question', QUESTION, 2), this.field('notes', 'Notes', NOTES, 4)];
    this.question.value = found.said.question;
    this.notes.value = found.said.notes;
    this.host.replaceChildren(
      el('section.cs-card.rp-card', {'aria-label': 'Question and notes'}, fields, this.state),
      card,
    );
  }
}

export function mount(part) {
  const report = new Report(part);
  follow(part.element, 'report', (comparison) => report.show(comparison));
}
