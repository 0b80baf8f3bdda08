// Captions on their way to disk: typed, waiting, saved, refused. The grid and the big view share one.
// Owns: when a caption is saved, and that nothing is overwritten which the page has not seen. Refuses to
// know: how captions look. An item is {file, caption, seen, conflict?, gone?}: `seen` is what is on disk as
// far as the page knows, `conflict` what somebody else wrote there meanwhile.
import {partsOf} from '../core/calls.js';
import {isLost, onceConnected} from '../core/connection.js';
import {notice, settle} from '../core/notices.js';

const SAVE_AFTER = 600; // milliseconds without typing

export class Saving {
  /** `save(file, text, before)` → {saved}, {changed: what is there} or {gone}; `said(item)` hears that
   *  `item.said`, {text, kind}, is new; `stored(item)` that one is on disk. */
  constructor({save, said, stored}) {
    Object.assign(this, {save, said, stored});
    this.waiting = new Map(); // file → {item, timer} that is not saved yet
    this.running = new Set(); // files whose caption is on its way
    this.turn = 0; // which dataset is open
    globalThis.addEventListener?.('pagehide', () => this.flush());
  }

  /** Another dataset is open: what waits is sent, and its answers are nobody's concern any more. */
  leave() {
    this.flush();
    this.waiting.clear();
    this.running.clear();
    this.turn += 1;
  }
  has(file) {
    return this.waiting.has(file);
  }

  typed(item, text) {
    clearTimeout(this.waiting.get(item.file)?.timer);
    this.waiting.set(item.file, {item, timer: setTimeout(() => this.store(item.file), SAVE_AFTER)});
    Object.assign(item, {caption: text, look: '', by: ''});
    if (item.conflict === undefined) this.say(item, 'Saving…');
  }
  say(item, text, kind = '') {
    item.said = {text, kind};
    this.said(item);
  }
  /** Saves what waits of one file now, one after the other. What was refused waits on: for the next word,
   *  or until the studio answers again. */
  async store(file) {
    const entry = this.waiting.get(file);
    if (!entry || this.running.has(file) || entry.item.conflict !== undefined) return;
    clearTimeout(entry.timer);
    this.waiting.delete(file);
    this.running.add(file);
    const {turn} = this;
    const {item} = entry;
    const text = item.caption.trim();
    let again = false;
    try {
      const answer = await this.save(file, text, item.seen);
      settle(`caption of ${file}`);
      if (turn === this.turn) again = this.answered(item, text, answer);
    } catch (error) {
      this.refused(item, error, turn);
    } finally {
      item.sent = text;
      if (turn === this.turn) this.running.delete(file);
    }
    if (again) await this.store(file);
  }
  /** What became of a text that was sent; true when another one is to be sent now. */
  answered(item, text, answer) {
    const mine = answer.changed !== undefined && answer.changed === item.sent; // its answer had been lost
    if (answer.gone || (answer.changed !== undefined && !mine)) {
      if (answer.gone) item.gone = true;
      else item.conflict = answer.changed;
      this.waiting.set(item.file, {item, timer: 0}); // stays in the page, as it was typed
      this.say(item, 'Not saved', 'bad');
      return false;
    }
    item.seen = mine ? answer.changed : text;
    if (mine) this.waiting.set(item.file, {item, timer: 0});
    else if (!this.waiting.has(item.file)) this.say(item, 'Saved', 'good');
    if (!mine) this.stored(item);
    return this.waiting.has(item.file) && item.caption.trim() !== item.seen;
  }
  refused(item, error, turn) {
    const same = turn === this.turn;
    if (same) this.say(item, 'Not saved', 'bad');
    if (same && !this.waiting.has(item.file)) this.waiting.set(item.file, {item, timer: 0});
    if (same && isLost()) onceConnected(() => this.flush());
    else notice(partsOf(error, 'The caption was not saved'), 'error', {cause: `caption of ${item.file}`});
  }
  /** Saves all that waits now. */
  flush() {
    for (const file of [...this.waiting.keys()]) this.store(file);
  }

  /** A person has looked at both captions: the one that was typed here is kept, or the one on disk. */
  settle(item, mine) {
    item.seen = item.conflict;
    delete item.conflict;
    if (mine) {
      this.waiting.set(item.file, {item, timer: 0});
      return this.store(item.file);
    }
    this.waiting.delete(item.file);
    item.caption = item.seen;
    this.say(item, '');
    this.stored(item);
    return undefined;
  }
}
