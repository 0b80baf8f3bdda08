// Messages in place and in the corner of the page. A message has a cause: it goes when what caused it
// begins anew, and when it succeeds. Owns: where messages stand and when they go.
import {el, pageRoot} from './dom.js';

const MOST = 4;
const PARTS = ['why', 'remedy', 'safe'];
const shown = new Set(); // {text, cause, node} of every message that is not in place

/** A message made of an error's parts: {what, where, why, remedy, safe}, or of plain text. */
export function message(parts, kind = 'error', onclose = null) {
  const told = typeof parts === 'string' ? {what: parts} : parts;
  const where = told.where ? ` (${told.where})` : '';
  const dismiss = {type: 'button', 'aria-label': 'Dismiss', onclick: onclose};
  return el(
    'div.cs-notice',
    {'data-kind': kind, role: kind === 'error' ? 'alert' : 'status'},
    el(
      'div',
      {},
      el('b', {}, (told.what || 'Something went wrong') + where),
      PARTS.map((name) => told[name] && el('p', {}, told[name])),
    ),
    onclose && el('button.cs-button.cs-quiet.cs-icon', dismiss, '×'),
  );
}

/** Shows a message; an error stays until it is dismissed or its cause is gone (`settle`). It stands in the
 *  corner, or inside of the dialog that is open: what lies behind one cannot be reached. */
export function notice(parts, kind = 'error', {seconds = kind === 'error' ? 0 : 6, cause = ''} = {}) {
  const text = JSON.stringify(parts);
  drop((one) => one.text === text);
  const entry = {text, cause, node: message(parts, kind, () => drop((one) => one === entry))};
  const host = hostNow();
  host.append(entry.node);
  shown.add(entry);
  while (host.children.length > MOST) host.firstChild.remove();
  if (seconds) setTimeout(() => drop((one) => one === entry), seconds * 1000);
  return entry.node;
}

/** What `cause` names begins anew, or has succeeded: what was said because of it is no longer so. */
export function settle(cause) {
  if (cause) drop((one) => one.cause === cause);
}

function drop(which) {
  for (const one of shown) {
    if (which(one)) one.node.remove();
    if (!one.node.isConnected) shown.delete(one); // also what went with its dialog
  }
}

/** What an action is called as a cause: by its control's words and the part that it is in. */
export function causeOf(control) {
  const part = control.closest('.cs-part, [id]')?.id || '';
  return `${part}: ${control.getAttribute('aria-label') || control.textContent.trim()}`;
}

function hostNow() {
  const open = [...document.querySelectorAll('dialog[open]')].filter((dialog) => dialog.matches(':modal')).pop();
  const around = open || pageRoot();
  const id = open ? '' : 'cs-notices';
  let host = [...around.children].find((child) => child.classList.contains('cs-notices'));
  if (!host) {
    host = el('div.cs-notices', {'aria-live': 'polite', ...(id && {id})});
    around.append(host);
  }
  return host;
}
