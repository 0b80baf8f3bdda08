// What one part tells to all others that listen now; nothing is kept (`handover.js` keeps).

/** Listens for as long as the part's element is on the page. */
export function hear(element, name, callback) {
  const listener = (event) => {
    if (!element.isConnected) document.removeEventListener(name, listener);
    else callback(event.detail);
  };
  document.addEventListener(name, listener);
}

export const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, {detail}));

/** The lanes of the Generate tab's stack, and which of them was used last; [] while it is not made. */
export function lanesNow() {
  let found = {lanes: [], current: 0};
  tell('studio:lanes?', (lanes, current) => {
    found = {lanes, current};
  });
  return found;
}
