// Captions on their way to disk: typed, waiting, saved, refused. The grid and the big view share one.
// Owns: when a caption is saved, and that nothing is overwritten which the page has not seen. Refuses to
// know: how captions look. An item is {file, caption, seen, conflict?, gone?}: `seen` is what is on disk as
// far as the page knows, `conflict` what somebody else wrote there meanwhile.
import {partsOf} from '../core/calls.js';
import {isLost, onceConnected} from '../core/connection.js';
import {notice, settle} from '../core/notices.js';

const SAVE_AFTER = 600; // milliseconds without typing

export class Saving {
  /** `save(item, text, before)` → {saved}, {changed: what is there} or {gone}; `said(item)` hears that
   *  `item.said`, {text, kind}, is new; `stored(item)` that one is on disk. */
  constructor({save, said, stored}) {
    Object.assign(this, {save, said, stored});
    this.waiting = new Map(); // item → the timer of one that is not saved yet
    this.running = new Set(); // items whose captions are on their way
    globalThis.addEventListener?.('pagehide', () => this.flush());
  }

  has(item) {
    return this.waiting.has(item);
  }
  /** Whether a caption is not known to be on disk as it stands in the page. */
  busy(item) {
    return this.waiting.has(item) || this.running.has(item);
  }

  typed(item, text) {
    clearTimeout(this.waiting.get(item));
    this.waiting.set(
      item,
      setTimeout(() => this.store(item), SAVE_AFTER),
    );
    Object.assign(item, {caption: text, look: '', by: ''});
    if (item.conflict === undefined) this.say(item, 'Saving…');
  }
  say(item, text, kind = '') {
    item.said = {text, kind};
    this.said(item);
  }
  /** Saves what waits of one item now, one text after the other. What was refused waits on: for the next
   *  word, or until the studio answers again. */
  async store(item) {
    if (!this.waiting.has(item) || this.running.has(item) || item.conflict !== undefined) return;
    clearTimeout(this.waiting.get(item));
    this.waiting.delete(item);
    this.running.add(item);
    const text = item.caption.trim();
    let again = false;
    try {
      const answer = await this.save(item, text, item.seen);
      settle(`caption of ${item.file}`);
      again = this.answered(item, text, answer);
    } catch (error) {
      this.refused(item, error);
    } finally {
      item.sent = text;
      this.running.delete(item);
    }
    if (again) await this.store(item);
  }
  /** What became of a text that was sent; true when another one is to be sent now. */
  answered(item, text, answer) {
    const mine = answer.changed !== undefined && answer.changed === item.sent; // its answer had been lost
    if (answer.gone || (answer.changed !== undefined && !mine)) {
      if (answer.gone) item.gone = true;
      else item.conflict = answer.changed;
      this.waiting.set(item, 0); // stays in the page, as it was typed
      this.say(item, 'Not saved', 'bad');
      return false;
    }
    item.seen = mine ? answer.changed : text;
    if (mine) this.waiting.set(item, 0);
    else if (!this.waiting.has(item)) this.say(item, 'Saved', 'good');
    if (!mine) this.stored(item);
    return this.waiting.has(item);
  }
  refused(item, error) {
    this.say(item, 'Not saved', 'bad');
    if (!this.waiting.has(item)) this.waiting.set(item, 0);
    if (isLost()) onceConnected(() => this.flush());
    else notice(partsOf(error, 'The caption was not saved'), 'error', {cause: `caption of ${item.file}`});
  }
  /** Saves all that waits now. */
  flush() {
    for (const item of [...this.waiting.keys()]) this.store(item);
  }

  /** A person has looked at both captions: the one that was typed here is kept, or the one on disk. */
  settle(item, mine) {
    item.seen = item.conflict;
    delete item.conflict;
    if (mine) {
      this.waiting.set(item, 0);
      return this.store(item);
    }
    this.waiting.delete(item);
    item.caption = item.seen;
    this.say(item, '');
    this.stored(item);
    return undefined;
  }
}
