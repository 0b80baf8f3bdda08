// Which comparison is open. Every part of the Compare tab learns it here and nowhere else:
//   follow(element, 'vote', show)  calls show(comparison) when that part is in view and the comparison is another
//                                  one or has changed (cells arrived, it was measured); null when none is open
//   watchOpened(element, hear)     the same for something that is always in view
//   reread()                       after a part has changed the comparison on disk: it is read again for all
//   openComparison(id, 'images')   opens another one, also from a form that has just begun it
// A comparison is what `as_page` in `components/opened_comparison.py` answers: its record, and `folder`.
// Owns: this knowledge. Refuses to know: what the parts show, how one is read (`comparison.js`).
import {tell} from '../core/channel.js';
import {openTab} from '../core/handover.js';

const state = {comparison: null, part: ''};
const followers = new Set(); // {element, part, show, seen, placed}

function goRound() {
  for (const one of [...followers]) {
    one.placed ||= one.element.isConnected;
    if (one.placed && !one.element.isConnected) followers.delete(one);
    else if (one.seen !== state.comparison && (one.part === null || one.part === state.part)) {
      one.seen = state.comparison;
      one.show(state.comparison);
    }
  }
}

/** `show(comparison)` now and at every change, while `part` is the one in view. */
export function follow(element, part, show) {
  followers.add({element, part, show, seen: undefined, placed: false});
  goRound();
}

/** `hear(comparison)` now and at every change. */
export const watchOpened = (element, hear) => follow(element, null, hear);

/** The comparison that is open now, or null. */
export const openedNow = () => state.comparison;

/** Opens a comparison by its id, and a part of it, usually the one that is in view; the tab as well. */
export const openComparison = (id, part = state.part) => openTab('compare:open', {inside: part ? `${id}/${part}` : id});

/** The comparison that is open was changed on disk. */
export const reread = () => tell('studio:comparison-changed');

/** Only for `comparison.js`: what is open now, and in which part. */
export function setOpened(comparison, part) {
  Object.assign(state, {comparison, part});
  goRound();
}
