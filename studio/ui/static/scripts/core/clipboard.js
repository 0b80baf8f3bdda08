// Text for the clipboard.
import {el} from './dom.js';
import {notice} from './notices.js';

const REFUSED = {what: 'This browser does not let the page copy', remedy: 'Mark the text and press Ctrl+C.'};

export async function copyText(text, said) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = copiedByHand(text); // no clipboard over plain http
  }
  if (done) notice(said, 'good', {seconds: 2.5});
  else notice(REFUSED, 'warning');
}

/** Copies by way of a field; false where the browser refuses. It stands in the dialog that is open: behind one
 *  nothing can be marked. */
function copiedByHand(text) {
  const held = document.activeElement;
  const area = el('textarea', {value: text, style: 'position:fixed;opacity:0'});
  ([...document.querySelectorAll('dialog:modal')].pop() || document.body).append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  held?.focus?.({preventScroll: true});
  return done;
}
