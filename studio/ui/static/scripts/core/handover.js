// What one part of the page hands to another. A part in a tab that was never opened is not made yet,
// and on a busy machine it is made late: a message is kept until its taker has said, by ending,
// that it took it.
import {attempt} from './calls.js';
import {notice} from './notices.js';
import {slow} from './timing.js';

const LATE = {
  what: 'Another part of the page has not taken over yet',
  why: 'It is still being made, or waits for the studio.',
  remedy: 'It goes on by itself. If nothing happens, reload the page and try again.',
  safe: 'What was handed over is kept until then.',
};
const handed = {};
const takers = {};
const busy = {};

/** Hands `payload` to whoever takes `name`, now or once that part is made: exactly once, in order.
 *  Resolves with what the taker answers. */
export function hand(name, payload) {
  return new Promise((resolve) => {
    const waiting = {payload, resolve, late: null};
    handed[name] ||= [];
    handed[name].push(waiting);
    deliver(name);
    const tellLate = () => {
      if (handed[name].includes(waiting)) waiting.late = notice(LATE, 'warning', {seconds: 1e6});
    };
    setTimeout(tellLate, slow() ? 40000 : 20000); // it goes on waiting: nothing depends on this time
  });
}

async function deliver(name) {
  if (busy[name]) return;
  busy[name] = true;
  while (takers[name] && handed[name]?.length) {
    const [first] = handed[name];
    const answer = await attempt(() => takers[name](first.payload), null, ''); // each is another action
    handed[name].shift();
    first.late?.remove();
    first.resolve(answer);
  }
  busy[name] = false;
}

/** Takes what is handed to `name`, also what waits already. A promise is awaited before the next. */
export function receive(name, take) {
  takers[name] = take;
  deliver(name);
}

/** Opens a tab and hands `payload` to its part: 'train:run' opens Train, the taker is 'train:run'. */
export function openTab(tab, payload = null) {
  document.getElementById(`cs-tab-${tab.split(':')[0]}-button`)?.click();
  return payload === null ? null : hand(tab, payload);
}
