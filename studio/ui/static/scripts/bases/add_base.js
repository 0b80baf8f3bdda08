// “Add a model …”: the dialog, and telling every select of the page that there is a new base.
// Owns: when it opens, which way is shown, what is said, a download that goes on. The ways are in `ways.js`.
import {call, partsOf} from '../core/calls.js';
import {hear, tell} from '../core/channel.js';
import {closeBeside, el, openDialog} from '../core/dom.js';
import {message, notice} from '../core/notices.js';
import {pause} from '../core/timing.js';
import {fileWay, hubWay, pathWay} from './ways.js';

const PAUSE = 700; // milliseconds between two looks at a download
const GONE = 'The download was stopped. What is here is kept: look it up again to go on.';

class AddBase {
  constructor(part) {
    Object.assign(this, {part, dialog: null, asked: '', following: false});
  }

  /** `asked` is the select that will choose what is added. */
  async open(asked) {
    this.asked = asked;
    this.about = await call(this.part.server.place(null));
    this.trouble = el('div');
    this.ways = [pathWay(this), fileWay(this), hubWay(this)];
    this.tabs = this.ways.map((way) =>
      el('button.cs-segment', {type: 'button', onclick: () => this.choose(way)}, way.label),
    );
    const title = el('h3.cs-card-title', {style: {margin: '0'}}, 'Add a model');
    const where = el('p.cs-small.cs-muted', {style: {margin: '0'}}, 'The folder of bases: ');
    where.append(el('span.cs-mono', {}, this.about.folder));
    const tabs = el('div.cs-segments', {role: 'group', 'aria-label': 'Where it comes from'}, this.tabs);
    const close = el('button.cs-button', {type: 'button', onclick: () => this.dialog.close()}, 'Close');
    const body = this.ways.map((way) => way.node);
    const bar = el('div.cs-toolbar', {}, el('span.cs-spacer'), close);
    this.dialog = el(
      'dialog.cs-lightbox.cs-add-model',
      {'aria-label': 'Add a model'},
      el('div.cs-stack', {}, title, where, tabs, body, this.trouble, this.elsewhere(), bar),
    );
    this.dialog.addEventListener('close', () => {
      for (const way of this.ways) way.stop?.();
      this.dialog = null;
    });
    closeBeside(this.dialog);
    openDialog(this.dialog, this.part.element);
    this.choose(this.ways[0]);
    this.follow();
  }

  choose(chosen) {
    for (const [place, way] of this.ways.entries()) {
      way.node.classList.toggle('cs-hidden', way !== chosen);
      this.tabs[place].setAttribute('aria-pressed', String(way === chosen));
    }
    this.trouble.replaceChildren();
    chosen.focus();
  }

  /** What lies elsewhere can be taken off the list again. */
  elsewhere() {
    const found = this.about.elsewhere;
    if (!found.length) return null;
    const row = ({name, path, problem}) => {
      const forget = () =>
        this.attempt(async () => {
          await call(this.part.server.forget({name}));
          node.remove();
          tell('studio:base-added', {name: '', asked: ''});
        });
      const label = `Take ${name} off the list`;
      const off = el('button.cs-button.cs-quiet', {type: 'button', 'aria-label': label, onclick: forget}, 'Take off');
      const said = problem[0] || path;
      const node = el('li.cs-toolbar', {}, el('b', {}, name), el('span.cs-small.cs-muted.ba-path', {}, said), off);
      return node;
    };
    const summary = el('summary.cs-small', {}, `Added from elsewhere (${found.length})`);
    return el('details', {}, summary, el('ul.ba-elsewhere', {}, found.map(row)));
  }

  /** Runs an action; its failure is said in the dialog, and gone when the next one begins. */
  async attempt(action, button = null) {
    this.trouble.replaceChildren();
    if (button) button.disabled = true;
    try {
      await action();
    } catch (error) {
      this.failed(partsOf(error, 'This could not be done'));
    } finally {
      if (button) button.disabled = false;
    }
  }

  failed(parts, kind = 'error') {
    if (this.dialog) this.trouble.replaceChildren(message(parts, kind));
    else notice(parts, kind);
  }

  added(name, asked = this.asked) {
    this.dialog?.close();
    tell('studio:base-added', {name, asked});
    notice(`${name} is in the list of bases`, 'good');
  }

  /** Shows a download until it ends, also when the dialog was closed meanwhile or the page reloaded. */
  async follow() {
    if (this.following) return;
    this.following = true;
    try {
      let task = await call(this.part.server.downloading(null));
      const seen = task?.state === 'running';
      while (task?.state === 'running' && this.part.element.isConnected) {
        this.showTask(task);
        await pause(PAUSE);
        task = await call(this.part.server.downloading(null)).catch(() => task);
      }
      this.showTask(task);
      if (seen) this.ended(task);
    } catch {
      /* asked again when the dialog opens */
    } finally {
      this.following = false;
    }
  }

  showTask(task) {
    if (this.dialog) this.ways[2].show(task);
  }

  ended(task) {
    if (task.state === 'finished') this.added(task.result.name, task.about.asked);
    else if (task.error) this.failed(task.error);
    else this.failed(GONE, 'warning');
  }
}

export function mount(part) {
  const dialog = new AddBase(part);
  hear(part.element, 'studio:add-base', ({asked}) =>
    dialog.open(asked).catch((error) => notice(partsOf(error, 'The dialog could not be opened'))),
  );
  dialog.follow();
}
