// Chooses a file whose settings fill the form: from the library, or from the computer.
// Owns: the dialog. Refuses to know: what is read from the file.
import {adapterFacts, adapterThumb} from '../core/adapters.js';
import {attempt} from '../core/calls.js';
import {closeBeside, el} from '../core/dom.js';
import {searchWords} from '../core/format.js';
import {labelled} from '../core/icons.js';

const MOST_ROWS = 200;
const ABOUT = 'A file trained here or by another program says how it was made. What it does not say keeps its default.';

/** The button with its dialog. `list()` gives the library's files, `send(file)` uploads one, and
 *  `chosen(path)` gets what was chosen. */
export function settingsFile({list, send, chosen}) {
  const dialog = el('dialog.cs-lightbox.cs-files', {'aria-label': 'Settings of a file'});
  const search = el('input.cs-input', {
    type: 'search',
    placeholder: 'Search files',
    'aria-label': 'Search files',
    oninput: () => render(),
  });
  const rows = el('div.cs-files-list', {role: 'list'});
  const hidden = {type: 'file', accept: '.safetensors', tabindex: '-1'};
  const picker = el('input.cs-hidden', {...hidden, 'aria-label': 'File with settings'});
  let files = [];

  function take(path) {
    dialog.close();
    chosen(path);
  }
  function row(file) {
    const attributes = {type: 'button', onclick: () => take(file.path)};
    const parts = [adapterThumb(file), el('b', {}, file.name), el('span.cs-spacer'), adapterFacts(file)];
    return el('div', {role: 'listitem'}, el('button.cs-run-row', attributes, parts));
  }
  function render() {
    const words = searchWords(search.value);
    const has = ({name, kind}) => words.every((word) => `${name} ${kind}`.toLowerCase().includes(word));
    const found = files.filter(has).slice(0, MOST_ROWS);
    const none = files.length ? 'No matching file.' : 'No file in the library yet.';
    rows.replaceChildren(...(found.length ? found.map(row) : [el('p.cs-muted.cs-small', {}, none)]));
  }
  async function open() {
    files = await list();
    search.value = '';
    render();
    dialog.showModal();
  }
  picker.addEventListener('change', () =>
    attempt(async () => {
      const [file] = picker.files;
      picker.value = '';
      if (file) take((await send(file)).path);
    }),
  );
  const bar = el(
    'div.cs-toolbar',
    {},
    labelled('plus', 'From this computer', () => picker.click()),
    picker,
    el('span.cs-spacer'),
    labelled(null, 'Close', () => dialog.close()),
  );
  const title = el('h3.cs-card-title', {style: {margin: '0'}}, 'Use the settings of a file');
  const about = el('p.cs-muted.cs-small', {style: {margin: '0'}}, ABOUT);
  dialog.append(el('div.cs-stack', {}, title, about, search, rows, bar));
  closeBeside(dialog);
  const press = (event) => attempt(open, event.currentTarget);
  return el('div', {}, labelled('reuse', 'Settings of a file …', press, '.cs-quiet.cs-like'), dialog);
}
