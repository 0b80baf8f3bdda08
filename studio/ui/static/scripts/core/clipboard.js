// Text for the clipboard.
import {el} from './dom.js';
import {notice} from './notices.js';

export async function copyText(text, said) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // no clipboard over plain http
    const area = el('textarea', {value: text, style: 'position:fixed;opacity:0'});
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  notice(said, 'good', {seconds: 2.5});
}
