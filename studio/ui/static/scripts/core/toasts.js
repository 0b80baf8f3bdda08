// Errors that Gradio's events bring: they become messages of the page's own, so that it has one voice, and
// go when what was pressed is pressed again. Owns: which action an error is of.
import {causeOf, notice, settle} from './notices.js';

const PARTS = ['why', 'remedy', 'safe'];
const PASSIVE = ['input', 'added', 'shown', 'finished']; // events that nobody pressed a button for
let last = ''; // the action that began last

/** An action begins: what was said of its last time is no longer so. */
export function begun(cause) {
  last = cause;
  settle(cause);
}

/** A part sends an event to Python. */
export function sends(part, event) {
  if (!PASSIVE.includes(event)) begun(`${part}.${event}`);
}

/** The parts of an error as `live.toast` wrote them; null for a message of Gradio's own. */
export function partsOfToast(lines) {
  if (!lines[0]?.bold) return null;
  const rest = lines.slice(1).map(({text}) => text);
  return {what: lines[0].text, ...Object.fromEntries(rest.map((text, place) => [PARTS[place], text]))};
}

/** The lines of a toast: [{text, bold}]. */
function linesOf(node) {
  const lines = [{text: '', bold: false}];
  for (const child of node.childNodes) {
    if (child.nodeName === 'BR') lines.push({text: '', bold: false});
    else {
      const line = lines[lines.length - 1];
      line.text += child.textContent;
      line.bold ||= child.nodeName === 'B';
    }
  }
  return lines.filter(({text}) => text.trim());
}

function takeOver(body) {
  const found = [...body.querySelectorAll('[data-testid="toast-text"]')].map((node) => partsOfToast(linesOf(node)));
  if (!found.length || found.includes(null)) return;
  body.style.display = 'none'; // it is closed with an animation
  for (const parts of found) notice(parts, 'error', {cause: last});
  body.querySelector('[data-testid="toast-close"]').click();
}

/** Begins to look for them, and for presses of Gradio's own buttons. */
export function watchToasts() {
  const look = () => {
    for (const body of document.querySelectorAll('.toast-body.error')) {
      if (body.style.display !== 'none') takeOver(body);
    }
  };
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
  const press = (event) => {
    const button = event.target.closest?.('button');
    if (button && !button.closest('.cs-part')) begun(causeOf(button));
  };
  document.addEventListener('click', press, true);
}
