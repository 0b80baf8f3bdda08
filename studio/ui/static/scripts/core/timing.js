// Asking again, and not too often.
import {isLost} from './connection.js';

/** Whether the page came over a share link, where every question is slow. */
export const slow = () => location.hostname.endsWith('gradio.live');

export const pause = (milliseconds) => new Promise((next) => setTimeout(next, milliseconds));

/** `action` once, when nobody has asked for it for a while; with the newest arguments. */
export function debounce(action, milliseconds) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...given), milliseconds);
  };
}

/** Calls `look()` about every second while the element is visible, with `always` also while the
 *  browser shows another tab; stops when it is gone. */
export function poll(element, look, milliseconds = 1000, {always = false} = {}) {
  let busy = false;
  let seen = false;
  const tick = async () => {
    if (seen && !element.isConnected) {
      clearInterval(timer);
      return;
    }
    seen ||= element.isConnected;
    if (busy || isLost() || (document.hidden && !always) || element.offsetParent === null) return;
    busy = true;
    try {
      await look();
    } catch {
      /* the next tick tries again */
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(tick, slow() ? milliseconds * 2 : milliseconds);
  tick();
}
