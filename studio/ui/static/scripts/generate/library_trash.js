// What of the library is in the trash, each with a button that brings it back. Owns: the dialog.
import {attempt, call} from '../core/calls.js';
import {closeBeside, el, openDialog} from '../core/dom.js';
import {formatTime} from '../core/format.js';
import {iconButton, labelled} from '../core/icons.js';
import {notice} from '../core/notices.js';

const NONE = 'Nothing of the library is in the trash.';

/** Opens the dialog; `library` is told what is there again. */
export async function showTrash(library) {
  const list = el('ul.st-saved-list', {'aria-label': 'In the trash'});
  const none = el('p.cs-muted.cs-small', {hidden: true}, NONE);
  const dialog = el('dialog.cs-lightbox.se', {'aria-label': 'Trash of the library'});

  async function restore(one) {
    const back = await call(library.server.restore({id: one.id}));
    notice({what: `${back.title} is in the library again`, why: `Its file is called “${back.file}”.`}, 'good');
    await library.load(false);
    await fill();
  }
  function row(one) {
    const about = `${one.where} · ${formatTime(one.at)}`;
    const press = (event) => attempt(() => restore(one), event.currentTarget);
    const words = el('span.st-title', {}, el('b', {}, one.title), el('span.cs-small.cs-muted', {}, about));
    return el('li.se-trashed', {}, words, el('span.cs-spacer'), labelled('undo', 'Restore', press));
  }
  async function fill() {
    const found = await call(library.server.trashed(null));
    list.replaceChildren(...found.map(row));
    none.hidden = found.length > 0;
  }
  const close = iconButton('close', 'Close (Esc)', () => dialog.close());
  const head = el('div.si-head', {}, el('h3.cs-card-title', {}, 'Trash'), el('span.cs-spacer'), close);
  dialog.append(head, none, list);
  closeBeside(dialog);
  openDialog(dialog, library.element);
  await attempt(fill);
}
