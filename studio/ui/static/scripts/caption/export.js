// The dialog in which a dataset is written for other programs: what it will write, then where it is.
// Owns: the dialog. Refuses to know: layouts; Python plans and writes them.
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {copyText} from '../core/clipboard.js';
import {el, openDialog} from '../core/dom.js';
import {fileName} from '../core/format.js';
import {icon} from '../core/icons.js';
import {message} from '../core/notices.js';
import {poll} from '../core/timing.js';
import {partsText, progressText} from './export_words.js';
import {button} from './panels.js';

const FIRST = 'kohya';
const NOTE =
  'The dataset stays as it is, and nothing is overwritten. Imported again, an export gives the same dataset.';

const small = (...children) => el('p.cs-small.cs-muted', {style: {margin: '0'}}, children);

class ExportDialog {
  constructor(server, dataset) {
    Object.assign(this, {server, dataset, kind: FIRST, task: null, turn: 0});
    this.kinds = el('div.cs-segments', {role: 'group', 'aria-label': 'For which program'});
    this.plan = el('div.cs-stack', {'aria-live': 'polite', style: {gap: '8px'}});
    this.bar = el('i');
    this.words = el('span.cs-small.cs-muted.cs-number');
    const progress = el('div.cs-progress', {role: 'progressbar', 'aria-label': 'Exporting'}, this.bar);
    this.progress = el('div.cs-stack.cs-hidden', {style: {gap: '6px'}}, progress, this.words);
    this.go = button('Export', () => attempt(() => this.start(), this.go), {kind: '.cs-primary'});
    this.stop = button('Cancel', () => this.cancel());
    const title = el('h3.cs-card-title', {style: {margin: '0'}}, 'Export');
    const actions = el('div.cs-toolbar', {}, this.go, this.stop);
    const inner = el('div.cs-stack', {}, title, this.kinds, this.plan, this.progress, small(NOTE), actions);
    this.node = el('dialog.cs-lightbox.cs-export', {'aria-label': 'Export'}, inner);
    poll(this.plan, () => this.task && this.look(), 400); // a dialog itself never counts as visible there
  }

  async choose(kind) {
    this.turn += 1;
    const {turn} = this;
    const plan = await call(this.server.export_plan({dataset: this.dataset, kind}));
    if (turn !== this.turn) return;
    this.kind = kind;
    this.kinds.replaceChildren(...plan.kinds.map((one) => this.segment(one)));
    this.plan.replaceChildren(
      el('p', {style: {margin: '0'}}, plan.says),
      el('p.cs-number', {style: {margin: '0'}}, partsText(plan)),
      el(
        'ul.cs-export-names.cs-small',
        {},
        plan.names.map((name) => el('li', {}, name)),
        this.more(plan),
      ),
      ...plan.notes.map((note) => message({what: note}, 'info')),
      small('To ', el('code', {}, plan.place)),
    );
  }
  more({files, names}) {
    return files > names.length && el('li.cs-muted', {}, `and ${files - names.length} more`);
  }
  segment([name, label]) {
    const attributes = {type: 'button', 'aria-pressed': name === this.kind, 'data-kind': name};
    return el('button.cs-segment', {...attributes, onclick: () => attempt(() => this.choose(name))}, label);
  }

  async start() {
    this.task = await call(this.server.export_dataset({dataset: this.dataset, kind: this.kind}));
    this.show(this.task);
  }
  async look() {
    const task = await call(this.server.export_task(null));
    if (task && task.id === this.task?.id) this.show(task);
  }
  async cancel() {
    if (this.task) await attempt(() => call(this.server.cancel_export(null)));
    else this.node.close();
  }
  show(task) {
    const works = task.state === 'running';
    this.progress.classList.toggle('cs-hidden', !works);
    this.go.disabled = works;
    this.bar.style.width = `${task.total ? (100 * task.done) / task.total : 3}%`;
    this.words.textContent = progressText(task);
    if (works) return;
    this.task = null;
    if (task.state === 'failed') this.plan.replaceChildren(message(task.error, 'error'));
    else if (task.state === 'cancelled') this.plan.replaceChildren(message({what: 'Nothing was written'}, 'info'));
    else this.done(task.result);
  }
  done({path, packed}) {
    const copy = () => copyText(path, 'The path is in the clipboard');
    const actions = [button('Copy path', copy, {glyph: icon('copy', 14)})];
    if (packed) {
      const link = {href: fileUrl(path), download: fileName(path)};
      actions.unshift(el('a.cs-button', link, icon('download', 14), 'Download'));
    }
    this.plan.replaceChildren(
      message({what: `Written to ${fileName(path)}`, why: path}, 'good'),
      el('div.cs-toolbar', {}, actions),
    );
    this.go.remove();
    this.kinds.remove();
    this.stop.replaceChildren('Close');
  }
}

/** The button that opens it; `dataset()` is the one that is open. */
export function exportButton(server, dataset, host) {
  const open = async () => {
    const dialog = new ExportDialog(server, dataset());
    await dialog.choose(FIRST);
    openDialog(dialog.node, host());
  };
  const title = 'Write it for other programs: kohya’s folders, metadata.jsonl, a zip';
  const node = button('Export', () => attempt(open, node), {glyph: icon('download', 14), title});
  return node;
}
