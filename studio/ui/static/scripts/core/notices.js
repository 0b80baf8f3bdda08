// Messages in place and in the corner of the page.
import {el, pageRoot} from './dom.js';

const MOST = 4;
const PARTS = ['why', 'remedy', 'safe'];

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

/** Shows a message in the corner; errors stay until dismissed. */
export function notice(parts, kind = 'error', seconds = kind === 'error' ? 0 : 6) {
  let host = document.getElementById('cs-notices');
  if (!host) {
    host = el('div', {id: 'cs-notices', 'aria-live': 'polite'});
    pageRoot().append(host);
  }
  const text = JSON.stringify(parts);
  for (const child of [...host.children]) if (child.dataset.text === text) child.remove();
  const node = message(parts, kind, () => node.remove());
  node.dataset.text = text;
  host.append(node);
  while (host.children.length > MOST) host.firstChild.remove();
  if (seconds) setTimeout(() => node.remove(), seconds * 1000);
  return node;
}
