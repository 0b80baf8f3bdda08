// What a browser keeps for this page: `browser` for good, `tab` until the browser's tab is closed.
// A private window keeps nothing, and that is no failure.

const STORES = {browser: 'localStorage', tab: 'sessionStorage'};

export function remember(store, name, text) {
  try {
    globalThis[STORES[store]].setItem(name, text);
  } catch {
    /* full, or private */
  }
}

/** What was kept under a name; null when there is nothing. */
export function recall(store, name) {
  try {
    return globalThis[STORES[store]].getItem(name);
  } catch {
    return null;
  }
}
