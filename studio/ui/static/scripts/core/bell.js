// A notification of the browser when a run ends, for those who asked for it here.
import {recall, remember} from './memory.js';

const MEMORY = 'cs-notify';

/** Browsers have notifications only where the page is safe from others: on this machine, or encrypted. */
const possible = () => globalThis.isSecureContext && 'Notification' in globalThis;

const wanted = () => recall('browser', MEMORY) === 'yes' && Notification.permission === 'granted';

/** Makes the switch `button` work; returns what tells of a run: `({title, body}, open)`. */
export function bell(button) {
  if (!possible()) return () => {};
  const show = () => {
    button.setAttribute('aria-checked', String(wanted()));
    const refused = Notification.permission === 'denied';
    button.title = refused ? 'This browser refuses notifications of this page' : 'Notify me when a run ends';
  };
  button.hidden = false;
  button.addEventListener('click', async () => {
    const on = !wanted();
    if (on) await Notification.requestPermission();
    remember('browser', MEMORY, on ? 'yes' : '');
    show();
  });
  show();
  return ({title, body}, open) => {
    if (!wanted()) return;
    let told;
    try {
      told = new Notification(title, {body, tag: title});
    } catch {
      return; // Chrome on Android has them for service workers only
    }
    told.onclick = () => {
      globalThis.focus();
      told.close();
      open();
    };
  };
}
