// Whether the studio answers. While it does not, the page says so once, its buttons wait, nobody else
// asks, and one question is repeated with growing pauses until there is an answer.
import {el, pageRoot} from './dom.js';

const PAUSES = [1000, 2000, 4000, 8000, 15000]; // milliseconds; the last one for ever
const WORDS = 'Connection lost, retrying …';
const HINT = 'Check that the studio is still running where you started it. What you typed is still here.';

let banner = null; // what says so, while the connection is lost
let ask = null;
const later = []; // what is said when the studio answers again

export const isLost = () => banner !== null;

/** `question()` resolves when the studio answers, and throws when it does not. */
export function watchConnection(question) {
  ask = question;
}

/** Somebody had no answer. */
export function connectionLost() {
  if (banner || !ask) return;
  banner = el('div.cs-away', {role: 'alert'}, el('b', {}, WORDS), el('span', {}, HINT));
  pageRoot().append(banner);
  document.body.dataset.away = 'yes';
  setTimeout(() => retry(1), PAUSES[0]);
}

/** Runs `say` once the studio answers: now, or when the banner goes. */
export function onceConnected(say) {
  if (banner) later.push(say);
  else say();
}

async function retry(turn) {
  try {
    await ask();
  } catch {
    setTimeout(() => retry(turn + 1), PAUSES[Math.min(turn, PAUSES.length - 1)]);
    return;
  }
  banner.remove();
  banner = null;
  delete document.body.dataset.away;
  for (const say of later.splice(0)) say();
}

/** While the connection is lost, buttons do nothing, however they are pressed; tabs still open. */
export function holdButtons() {
  const hold = (event) => {
    const button = event.target.closest?.('button, [role=button], input[type=checkbox]');
    if (!isLost() || !button || button.matches('[role=tab]')) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.addEventListener('click', hold, true);
}
