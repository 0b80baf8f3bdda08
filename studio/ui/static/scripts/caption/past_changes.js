// The list of changes of many captions, each of which can be taken back, also after a restart.
// Owns: how it looks, when it is asked for. Refuses to know: how a change is undone.
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {notice} from '../core/notices.js';
import {undoneParts} from './auto_words.js';
import {pastWords} from './bulk_words.js';

const NONE = 'No change of many captions yet. Captions typed by hand are not listed.';

/** `around`: dataset(), refresh(). */
export class PastChanges {
  constructor(server, around) {
    Object.assign(this, {server, around});
    this.list = el('div.cs-stack', {style: {gap: '6px'}});
    this.title = el('summary', {}, 'Past changes');
    const ontoggle = () => this.node.open && attempt(() => this.show());
    this.node = el('details.cs-past', {ontoggle}, this.title, this.list);
  }

  async show() {
    const mine = this.around.dataset();
    if (!mine) return;
    const rows = await call(this.server.caption_changes({dataset: mine}));
    if (mine !== this.around.dataset()) return;
    this.list.replaceChildren(
      ...(rows.length ? rows.map((row) => this.row(row)) : [el('p.cs-small.cs-muted', {}, NONE)]),
    );
  }
  row(entry) {
    const [what, more] = pastWords(entry);
    const undo = {type: 'button', onclick: (event) => attempt(() => this.undo(entry.name), event.currentTarget)};
    return el(
      'div.cs-past-row.cs-small',
      {'data-name': entry.name},
      el(
        'div',
        {},
        el('b', {}, what),
        more.map((text) => el('div.cs-muted', {}, text)),
      ),
      (!entry.undone || entry.kept > 0) &&
        el('button.cs-button.cs-quiet', undo, icon('undo', 14), entry.undone ? 'Undo the rest' : 'Undo'),
    );
  }
  async undo(name) {
    const done = await call(this.server.undo_change({dataset: this.around.dataset(), name}));
    notice(undoneParts(done), done.kept ? 'warning' : 'good');
    await this.show();
    await this.around.refresh();
  }
  /** After a change: the list is there to take it back. */
  async opened() {
    this.node.open = true;
    await this.show();
  }
  /** Another dataset, or captions that changed. */
  forget() {
    this.list.replaceChildren();
    if (this.node.open) attempt(() => this.show());
  }
}
