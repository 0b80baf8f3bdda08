// Bringing files into a dataset. Owns: uploading, and the account of what became of them.
// Refuses to know: which files a dataset uses and what they are called there; Python says so.
import {el} from '../core/dom.js';
import {count} from '../core/format.js';
import {message, notice, settle} from '../core/notices.js';
import {sentName} from './folders.js';

const CAUSE = 'files brought to the Caption tab'; // by drop or by choice: the next ones settle it
const MOST_OPEN = 8; // rows of the account that are shown without a click

/** `plan`, `send` and `add` ask the server, `done(id)` shows the dataset. */
export class Arrivals {
  constructor({plan, send, add, done}) {
    Object.assign(this, {plan, send, add, done});
    this.bar = el('i');
    this.words = el('span.cs-small.cs-muted.cs-number');
    const progress = el('div.cs-progress', {}, this.bar);
    this.progress = el('div.cs-upload.cs-hidden', {role: 'status'}, progress, this.words);
    this.account = el('div', {'aria-live': 'polite'});
  }

  /** `files` as `folders.js` gives them; `into` is a dataset, or null for a new one. */
  async bring({files, unreadable, title}, into = null) {
    settle(CAUSE);
    const planned = await this.plan({names: files.map(({name}) => name)});
    const leftOut = [...unreadable, ...planned.left_out];
    if (!planned.images && !into) {
      const [first] = leftOut;
      const parts = {
        what: 'There are no images among these files',
        why: first ? `${first[0]}: ${first[1]}.` : '',
        remedy: 'PNG, JPEG, WebP and BMP are understood.',
      };
      notice(parts, 'error', {cause: CAUSE});
      return;
    }
    this.progress.classList.remove('cs-hidden');
    try {
      const sent = await this.sendAll(
        planned.take.map((place) => files[place]),
        leftOut,
      );
      const answer = await this.add({name: title || 'my images', files: sent, into: into || ''});
      await this.done(answer.id);
      this.tell(answer, [...leftOut, ...answer.left_out]);
    } finally {
      this.progress.classList.add('cs-hidden');
    }
  }
  /** [{name, path}] of what arrived; what did not is added to `leftOut`. */
  async sendAll(files, leftOut) {
    const sent = [];
    for (const [index, {name, file}] of files.entries()) {
      this.words.textContent = `Adding ${index + 1} of ${count(files.length, 'file')}`;
      this.bar.style.width = `${(100 * index) / files.length}%`;
      try {
        sent.push({name, path: (await this.send(new File([file], sentName(name)))).path});
      } catch (error) {
        leftOut.push([name, `it could not be sent: ${String(error.message || error).slice(0, 200)}`]);
      }
    }
    return sent;
  }

  tell({images, copied, renamed, same}, leftOut) {
    const why = [
      renamed.length && `${count(renamed.length, 'file')} got a new name, because another file has theirs.`,
      same && `${count(same, 'file was', 'files were')} here already, with the same content.`,
      leftOut.length && `${count(leftOut.length, 'file is', 'files are')} left out.`,
    ];
    const parts = {
      what: `${count(images, 'image')} added, ${count(copied, 'file')} in all`,
      why: why.filter(Boolean).join(' '),
    };
    const dismiss = () => this.account.replaceChildren();
    const told = message(parts, leftOut.length ? 'warning' : 'good', dismiss);
    const rows = [...renamed.map(([from, to]) => [from, `is now ${to}`]), ...leftOut];
    const row = ([name, what]) => el('li', {}, el('b', {}, name), `: ${what}`);
    if (rows.length) {
      const list = el('ul', {}, rows.map(row));
      const fold = {open: rows.length <= MOST_OPEN};
      told.firstChild.append(el('details.cs-import-list', fold, el('summary', {}, 'Which ones'), list));
    }
    this.account.replaceChildren(told);
  }
}
