// Notices files that were deleted or changed on disk while a dataset is open. Owns: when it is looked, and
// what that means for the items of the page. Refuses to know: how it is shown.
import {poll} from '../core/timing.js';

const EVERY = 4000; // milliseconds
const AWAY = 15_000; // milliseconds after which everything is looked at when somebody comes back

export class DiskWatch {
  /** `look(seen)` asks the server of {file: [caption, stamp]}; `inView()` → items; `saving`: a Saving;
   *  `grid`: what is told; `all()` looks at the whole dataset. */
  constructor({node, look, inView, saving, grid, all}) {
    Object.assign(this, {look, inView, saving, grid});
    poll(node, () => this.again(), EVERY);
    let left = 0;
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) left = Date.now();
      else if (left && Date.now() - left > AWAY && node.offsetParent) all();
    });
  }

  async again() {
    const {items} = this.grid;
    const asked = this.inView().filter((item) => !this.saving.running.has(item));
    if (!asked.length) return;
    const seen = asked.map((item) => [item.file, [item.seen, this.grid.copies.get(item.file)?.stamp || '']]);
    const found = await this.look(Object.fromEntries(seen));
    if (items !== this.grid.items) return; // another dataset is open by now
    for (const [item, [, [caption]]] of asked.map((item, place) => [item, seen[place]])) {
      if (!this.saving.running.has(item) && caption === item.seen) this.take(item, found[item.file]);
    }
  }
  /** What a look has found of an item; undefined: all is as it was. */
  take(item, found) {
    const gone = Boolean(found?.gone);
    if (gone !== Boolean(item.gone)) {
      item.gone = gone;
      this.saving.say(item, '');
    }
    if (!found || gone) return;
    const {stamp} = this.grid.copies.get(item.file) || {};
    if (stamp && found.stamp !== stamp) {
      this.grid.outdated(item.file);
      this.saving.say(item, 'Image changed', 'changed');
    }
    if (found.caption !== item.seen) this.other(item, found.caption);
  }
  /** Another caption is on disk than the page has seen. */
  other(item, caption) {
    if (this.saving.has(item) && caption !== item.caption.trim()) {
      item.conflict = caption;
      this.saving.say(item, 'Not saved', 'bad');
      return;
    }
    if (item.conflict !== undefined) delete item.conflict;
    Object.assign(item, {seen: caption, caption});
    this.saving.say(item, 'Changed on disk', 'changed');
    this.saving.stored(item);
  }
}
