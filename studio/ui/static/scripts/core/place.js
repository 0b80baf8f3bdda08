// Which tab is open, and what in it: in the page's address, so that Back, a reload and a bookmark
// lead there, and in this browser, so that the next visit begins where the last one ended.
import {openTab} from './handover.js';
import {recall, remember} from './memory.js';
import {placeOf, placeText} from './place_text.js';

const MEMORY = 'cs-place';
const BUTTON = /^cs-tab-(\w+)-button$/;
/** How a tab is told what to open when Back or a bookmark leads there. */
const OPEN = {
  caption: (dataset) => openTab('caption', {dataset}),
  train: (run) => openTab('train:run', {run}),
  compare: (inside) => openTab('compare:open', {inside}),
};

function remembered() {
  try {
    const {tab = '', insides = {}} = JSON.parse(recall('browser', MEMORY)) || {};
    return {tab, insides};
  } catch {
    return {tab: '', insides: {}};
  }
}

const place = remembered();
const asked = placeOf(location.hash);
if (asked.tab) place.tab = asked.tab;
if (asked.inside) place.insides[asked.tab] = asked.inside;

function keep() {
  const text = placeText(place.tab, place.insides[place.tab]);
  if (text !== location.hash) history.pushState(history.state, '', text);
  remember('browser', MEMORY, JSON.stringify(place));
}

/** What was open in a tab: the id of a run, of a dataset; '' for nothing. */
export const insideOf = (tab) => place.insides[tab] || '';

/** Says what is open in a tab now. */
export function setInside(tab, inside) {
  if (insideOf(tab) === inside) return;
  place.insides[tab] = inside;
  keep();
}

function wentTo(tab) {
  if (tab === place.tab) return;
  place.tab = tab;
  keep();
}

function follow() {
  const {tab, inside} = placeOf(location.hash);
  if (!tab) return;
  place.tab = tab;
  if (inside && inside !== insideOf(tab)) OPEN[tab]?.(inside);
  else openTab(tab);
}

/** Opens a tab as soon as Gradio has made its button, and again where Gradio, still busy with its own first
 *  choice, takes that back; until somebody presses something or another tab is open. */
function openFirst(tab) {
  const made = new MutationObserver(open);
  const leave = () => made.disconnect();
  function open() {
    if (place.tab !== tab) leave();
    else if (document.getElementById(`cs-tab-${tab}-button`)?.ariaSelected === 'false') openTab(tab);
  }
  made.observe(document.body, {childList: true, subtree: true, attributeFilter: ['aria-selected']});
  for (const press of ['pointerdown', 'keydown']) document.addEventListener(press, leave, {once: true, capture: true});
  open();
}

/** Begins to look at which tab is open; `usual` is the one that opens by itself. */
export function watchPlace(usual) {
  const first = place.tab || usual;
  place.tab = first;
  history.replaceState(history.state, '', placeText(first, insideOf(first)));
  document.addEventListener('click', (event) => {
    const found = BUTTON.exec(event.target.closest?.('[role=tab]')?.id || '');
    if (found) wentTo(found[1]);
  });
  globalThis.addEventListener('popstate', follow);
  if (first !== usual) openFirst(first);
}
