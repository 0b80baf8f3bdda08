// Saving a stack under a name and bringing one back. Owns: the two buttons and the panel below them.
// Refuses to know: cards; it takes items from the stack and gives items back.
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {el} from '../core/dom.js';
import {icon, iconButton, labelled} from '../core/icons.js';
import {notice, settle} from '../core/notices.js';

const MISSING = 'files that a loaded stack lacks';
const muted = (text) => el('span.cs-small.cs-muted', {}, text);

/** Fills `buttons` and `panel`; `stack` is asked for its items and loads others. */
export function stackFiles(buttons, panel, stack) {
  const {server} = stack;
  const toggle = (what) => () => show(panel.hidden || panel.dataset.shows !== what ? what : '');
  const save = iconButton('save', 'Save this stack', toggle('save'));
  const open = iconButton('folder', 'Load a saved stack', toggle('load'));
  buttons.append(save, open);

  function show(what) {
    panel.hidden = !what;
    panel.dataset.shows = what;
    save.setAttribute('aria-expanded', String(what === 'save'));
    open.setAttribute('aria-expanded', String(what === 'load'));
    if (what === 'save') askName();
    if (what === 'load') list();
  }

  function askName() {
    const label = 'Name of the stack';
    const name = el('input.cs-input', {type: 'text', maxlength: 80, placeholder: label, 'aria-label': label});
    const asked = () => ({
      name: name.value,
      items: stack.lanes[stack.current].stack,
      base: stack.props.base,
    });
    const store = async () => {
      const kept = await attempt(() => call(server.save_stack(asked())), keep);
      if (kept) saved(kept);
    };
    const keep = labelled(null, 'Save', store, '.cs-primary');
    name.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') show('');
      if (event.key !== 'Enter') return;
      event.preventDefault();
      keep.click();
    });
    panel.replaceChildren(name, keep);
    name.focus();
  }

  function saved(kept) {
    const attributes = {href: fileUrl(kept.path), download: kept.file};
    panel.replaceChildren(
      el('span.cs-small', {role: 'status'}, `Saved as ${kept.file}`),
      el('span.cs-spacer'),
      el('a.cs-button', attributes, icon('download', 15), 'Download'),
      iconButton('close', 'Close', () => show('')),
    );
  }

  async function list() {
    const looking = muted('Looking …');
    panel.replaceChildren(looking);
    const found = (await attempt(() => call(server.saved_stacks({})))) || [];
    if (!looking.isConnected) return; // something else is shown by now
    panel.replaceChildren(
      found.length ? el('ul.st-saved-list', {}, found.map(entry)) : muted('No stack is saved yet.'),
    );
  }

  function entry(one) {
    const bring = async () => {
      stack.load(await call(server.load_stack({id: one.id})));
      show('');
    };
    const remove = async () => {
      await call(server.delete_stack({id: one.id}));
      await list();
    };
    const onclick = (event) => attempt(bring, event.currentTarget);
    const about = one.problem || `${one.files.join(', ')} · on ${one.base}`;
    return el(
      'li',
      {},
      el(
        'button.st-saved-open',
        {type: 'button', disabled: Boolean(one.problem), onclick},
        el('b', {}, one.name),
        muted(about),
      ),
      iconButton('trash', `Move ${one.name} to the trash`, (event) => attempt(remove, event.currentTarget)),
    );
  }
}

/** What a loaded stack has to say: files that are not here, and what differs. */
export function tellLoaded(loaded, base) {
  settle(MISSING);
  if (loaded.missing.length) {
    const parts = {
      what: 'Files of this stack are not here',
      where: loaded.missing.join(', '),
      remedy: 'Add them to the library, under any name, and load the stack again.',
    };
    notice(parts, 'error', {cause: MISSING});
  }
  const other = loaded.base && loaded.base !== base ? [`It was made on “${loaded.base}”.`] : [];
  notice({what: `“${loaded.name}” is on the stack`, why: [...loaded.notes, ...other].join(' ')}, 'good');
}
