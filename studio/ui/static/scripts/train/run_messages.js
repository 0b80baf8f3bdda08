// The log of a run, and above it the newest word of advice (such as: it could stop here) until it is
// dismissed.
import {el} from '../core/dom.js';
import {message} from '../core/notices.js';
import {stateTitle} from './run_states.js';
import {eventText} from './run_words.js';

const MOST = 300;

/** {node, advice, add(event), clear}. */
export function runMessages() {
  const list = el('ol.cs-log');
  const advice = el('div.cs-advice', {'aria-live': 'polite'});
  const node = el('details.cs-card.cs-fold', {}, el('summary', {}, 'Messages'), list);

  function advise({why, remedy, level}, what) {
    const dismiss = () => advice.replaceChildren();
    advice.replaceChildren(message({what, why, remedy}, level === 'error' ? 'error' : 'warning', dismiss));
  }
  function add(event) {
    const text = eventText(event, stateTitle);
    if (!text) return;
    if (event.kind === 'message' && event.level !== 'info') advise(event, text);
    const time = el('time.cs-muted.cs-number', {}, new Date(event.t * 1000).toLocaleTimeString());
    list.prepend(el('li', {'data-level': event.level || ''}, time, el('span', {}, text)));
    while (list.children.length > MOST) list.lastChild.remove();
  }
  function clear() {
    list.replaceChildren();
    advice.replaceChildren();
  }
  return {node, advice, add, clear};
}
