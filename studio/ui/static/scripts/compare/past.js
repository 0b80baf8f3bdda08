// Past comparisons. Owns: the list. Refuses to know: how one is shown.
import {attempt, call} from '../core/calls.js';
import {tell} from '../core/channel.js';
import {el} from '../core/dom.js';
import {count, formatTime} from '../core/format.js';
import {iconButton} from '../core/icons.js';
import {notice} from '../core/notices.js';
import {openComparison, openedNow, watchOpened} from './opened.js';
import {zipIntake} from './zip_intake.js';

class Past {
  constructor({element, server}) {
    Object.assign(this, {element, server});
    this.past = [];
    this.known = null; // what was open when the list was read
  }

  q(selector) {
    return this.element.querySelector(selector);
  }
  entry(one) {
    const on = openedNow()?.id === one.id;
    const remove = async () => {
      await call(this.server.remove({id: one.id}));
      notice('Moved to the workspace’s trash folder', 'good');
      tell('studio:comparison-removed', one.id);
      await this.load();
    };
    const muted = (text) => el('span.cs-small.cs-muted', {}, text);
    const words = [
      el('b', {}, one.name || 'Comparison'),
      muted(one.columns.join(' · ')),
      muted(`${formatTime(one.created)} · ${count(one.prompts, 'prompt')} × ${count(one.seeds, 'seed')}`),
    ];
    const trash = iconButton('trash', `Move ${one.name || 'this comparison'} to the trash`, (event) =>
      attempt(remove, event.currentTarget),
    );
    const attributes = {type: 'button', 'aria-current': on ? 'true' : null, onclick: () => openComparison(one.id)};
    return el(`li.cm-entry${on ? '.is-on' : ''}`, {}, el('button.cm-open', attributes, words), trash);
  }
  paint() {
    this.q('.cm-list').hidden = !this.past.length;
    this.q('.cm-list').replaceChildren(...this.past.map((one) => this.entry(one)));
  }
  async load() {
    await attempt(async () => {
      this.past = await call(this.server.past({}));
    });
    this.paint();
  }
  /** Reads the list anew when another one is open, or the open one has ended. */
  heard(comparison) {
    if (comparison?.blind) return; // a vote: the list names columns
    const known = comparison && `${comparison.id} ${comparison.complete} ${comparison.cancelled}`;
    if (known === this.known) return;
    this.known = known;
    this.load();
  }
}

export function mount(part) {
  const past = new Past(part);
  const card = past.q('.cm-past');
  const done = async (id) => {
    await past.load();
    openComparison(id);
  };
  card.append(zipIntake(card, {upload: part.upload, open: (argument) => part.server.open_zip(argument), done}));
  watchOpened(part.element, (comparison) => past.heard(comparison));
}
