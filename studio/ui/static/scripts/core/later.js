// The modules of tabs that are not open yet: fetched when somebody is about to open one, and all of them
// once the page has nothing else to do, so that opening a tab waits for little and nothing waits for
// them. Owns: when. Refuses to know: which they are.
const REST = 5000; // milliseconds after which a page that was only opened is at rest
const ONCE = 12; // links that are made before a person may be answered again
const SHARED = 'bases/';

let waiting = null;

/** Called whenever a part is on the screen; the first time counts. */
export function fetchLater() {
  if (waiting) return;
  waiting = document.querySelector('meta[name=cs-later]')?.content.split(' ') ?? [];
  for (const button of document.querySelectorAll('[role=tab][id^=cs-tab-]')) {
    const tab = button.id.replace(/^cs-tab-|-button$/g, '');
    for (const sign of ['pointerenter', 'focus']) {
      button.addEventListener(sign, () => fetch((name) => name.startsWith(`${tab}/`) || name.startsWith(SHARED)));
    }
  }
  setTimeout(whenIdle, REST);
}

function fetch(wanted) {
  const now = waiting.filter(wanted);
  waiting = waiting.filter((name) => !now.includes(name));
  for (const name of now) {
    const link = document.createElement('link');
    link.rel = 'modulepreload';
    link.fetchPriority = 'low';
    link.href = new URL(`../${name}`, import.meta.url);
    document.head.append(link);
  }
}

function whenIdle() {
  if (!waiting.length) return;
  const some = () => {
    const next = waiting.slice(0, ONCE);
    fetch((name) => next.includes(name));
    whenIdle();
  };
  if (window.requestIdleCallback) requestIdleCallback(some);
  else setTimeout(some, 100);
}
