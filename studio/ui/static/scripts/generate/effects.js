// What one file does to the image: Python generates it with and without the file, because only it
// knows the settings. Owns: asking for a measurement and what came out, for as long as the stack is
// the same. Refuses to know: how it is measured.
import {call} from '../core/calls.js';
import {notice, settle} from '../core/notices.js';
import {pause} from '../core/timing.js';
import {effectKey} from './lanes.js';

const LOOK_EVERY = 400; // milliseconds
const LONGEST_SILENCE = 200; // looks without an answer about this measurement
const CAUSE = 'effect of a file'; // of one measurement at a time

export class Effects {
  constructor(stack) {
    this.stack = stack;
    this.found = new Map(); // effectKey → what was measured
    this.refusals = new Map(); // token of a measurement → why it did not begin
    this.newest = ''; // the token of the newest measurement
    const {props, watch} = stack.part;
    watch('refused', () => props.refused && this.refusals.set(props.refused.token, props.refused.error));
  }

  clear() {
    this.found.clear();
  }
  of(at, path) {
    return this.found.get(effectKey(this.stack.lanes[at], path));
  }
  stop() {
    return call(this.stack.server.stop_measuring({token: this.newest}));
  }
  /** Remembers what there is about a key; null forgets it. */
  note(key, effect) {
    if (effect) this.found.set(key, effect);
    else this.found.delete(key);
    this.stack.render();
  }

  async measure(at, path) {
    const key = effectKey(this.stack.lanes[at], path);
    const token = `${Date.now()}-${Math.random()}`;
    this.newest = token;
    settle(CAUSE);
    this.note(key, {running: true, text: 'Measuring …'});
    this.stack.part.trigger('effect', {token, lane: at, place: this.stack.find(at, path)});
    this.note(key, await this.awaited(key, token));
  }

  /** What was measured, or null: it was refused or interrupted, has failed, or nothing is heard of it. */
  async awaited(key, token) {
    for (let silent = 0; silent < LONGEST_SILENCE && this.stack.element.isConnected; ) {
      await pause(LOOK_EVERY);
      if (this.refusals.has(token)) {
        notice(this.refusals.get(token), 'error', {cause: CAUSE});
        return null;
      }
      const task = await this.task();
      if (task?.about.token !== token) {
        silent += 1; // not begun yet, or the connection is lost
        continue;
      }
      if (task.state === 'running') {
        const share = task.total ? task.done / task.total : 0;
        this.note(key, {running: true, text: task.text || 'Measuring …', share});
        continue;
      }
      if (task.state === 'failed') notice(task.error, 'error', {cause: CAUSE});
      return task.state === 'finished' ? {...task.result, seed: task.about.seed} : null;
    }
    return null;
  }

  async task() {
    try {
      return await call(this.stack.server.measured({}));
    } catch {
      return null; // asked again
    }
  }
}
