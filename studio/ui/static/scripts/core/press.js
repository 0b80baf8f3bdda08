// Between press and release nothing may be rendered anew: a row that is replaced meanwhile swallows the
// click. Answers wait until the click is over, but not for the whole of a long pull at a slider.

const LONGEST = 3000; // milliseconds
let press = null;
let waiting = [];

function release() {
  const mine = press;
  setTimeout(() => {
    // the click comes first
    if (press !== mine) return;
    press = null;
    const waited = waiting;
    waiting = [];
    for (const go of waited) go();
  });
}

/** Begins to look at the pointer. */
export function watchPresses() {
  const begin = () => {
    press = {};
  };
  globalThis.addEventListener('pointerdown', begin, true);
  for (const name of ['pointerup', 'pointercancel', 'dragend']) globalThis.addEventListener(name, release, true);
  globalThis.addEventListener('blur', release);
}

/** Resolves when nothing is pressed. */
export function released() {
  if (!press) return null;
  return new Promise((go) => {
    waiting.push(go);
    setTimeout(go, LONGEST);
  });
}
