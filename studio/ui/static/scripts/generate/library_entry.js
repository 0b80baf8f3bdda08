// The dialog of one entry of the library: its name, folder, notes and thumbnail, and what is known of it.
// Refuses to know: the list; `library` is told what changed.
import {fileUrl} from '../core/address.js';
import {attempt, call, partsOf} from '../core/calls.js';
import {closeBeside, el, openDialog} from '../core/dom.js';
import {formatBytes, formatTime} from '../core/format.js';
import {iconButton, labelled} from '../core/icons.js';
import {message} from '../core/notices.js';

const FOLDERS = 'cs-library-folders';

function factList(about) {
  const rows = [
    ['Files', about.files.join(', ')],
    ['Place', about.path],
    ['Size', formatBytes(about.size)],
    ['Changed', formatTime(about.modified)],
    ...about.facts,
  ];
  const pairs = rows.filter(([, value]) => value).map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
  return el('dl.cs-facts', {}, pairs);
}

function field(label, input) {
  return el('label.se-field', {}, el('span.cs-small.cs-muted', {}, label), input);
}

/** Name and folder, which are changed together. */
function nameFields(about, library, dialog) {
  const name = el('input.cs-input', {value: about.name, maxlength: 200, 'aria-label': 'Name'});
  const folder = el('input.cs-input', {
    value: about.folder,
    list: FOLDERS,
    placeholder: 'none',
    'aria-label': 'Folder',
  });
  const known = about.folders.map((one) => el('option', {value: one}));
  const rename = async () => {
    const asked = {path: about.path, name: name.value, folder: about.movable ? folder.value : about.folder};
    await library.renamed(about.path, await call(library.server.rename(asked)));
    dialog.close();
  };
  const button = labelled(null, 'Rename', (event) => attempt(rename, event.currentTarget), '.cs-primary.se-rename');
  return el(
    'div.se-line',
    {},
    field('Name', name),
    about.movable && field('Folder', el('span', {}, folder, el('datalist', {id: FOLDERS}, known))),
    button,
  );
}

function notesField(about, library) {
  const notes = el('textarea.cs-input.se-notes', {rows: 4, 'aria-label': 'Notes', placeholder: 'Notes'});
  notes.value = about.notes;
  const keep = async () => {
    await call(library.server.note({path: about.path, notes: notes.value}));
    await library.load(false);
  };
  notes.addEventListener('change', () => attempt(keep));
  return field('Notes', notes);
}

function thumbnails(about, library) {
  if (about.sample || !about.samples.length) return null;
  const choose = (one) => async () => {
    await call(library.server.thumbnail({path: about.path, file: one.file}));
    await library.load(false);
  };
  const button = (one, at) => {
    const attributes = {
      type: 'button',
      'aria-label': `Use sample ${at + 1} as the thumbnail`,
      onclick: (event) => attempt(choose(one), event.currentTarget),
    };
    return el('button.se-sample', attributes, el('img', {src: fileUrl(one.thumb), alt: ''}));
  };
  const words = el('span.cs-small.cs-muted', {}, 'Thumbnail, from the newest samples of its run');
  return el('div.se-field', {}, words, el('div.se-samples', {}, about.samples.map(button)));
}

function foot(about, library, dialog) {
  const leave = (action) => () => {
    dialog.close();
    action();
  };
  const {run} = about;
  return el(
    'div.cs-toolbar',
    {},
    run &&
      labelled(
        null,
        `Open its run: ${run.name}`,
        leave(() => library.openRun(about)),
      ),
    el('span.cs-spacer'),
    !about.sample &&
      labelled(
        'trash',
        'Move to the trash',
        leave(() => library.discard(about)),
        '.cs-danger',
      ),
  );
}

/** Opens the dialog of the entry at `path`. */
export async function showEntry(path, library) {
  const dialog = el('dialog.cs-lightbox.se', {'aria-label': 'Entry of the library'}, el('p.cs-muted', {}, 'Reading …'));
  closeBeside(dialog);
  openDialog(dialog, library.element);
  let about;
  try {
    about = await call(library.server.about({path}));
  } catch (error) {
    dialog.replaceChildren(message(partsOf(error, 'This entry could not be read')));
    return;
  }
  const close = iconButton('close', 'Close (Esc)', () => dialog.close());
  const sample = el('p.cs-muted.cs-small', {}, 'A sample that ships with the studio: it keeps its name and place.');
  const parts = [
    el('div.si-head', {}, el('h3.cs-card-title', {}, about.title), el('span.cs-spacer'), close),
    about.sample ? sample : nameFields(about, library, dialog),
    notesField(about, library),
    thumbnails(about, library),
    factList(about),
    foot(about, library, dialog),
  ];
  dialog.replaceChildren(...parts.filter(Boolean));
}
