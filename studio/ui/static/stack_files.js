// Saving a stack under a name and bringing one back. Owns: the two buttons and the panel below them.
// Refuses to know: cards; it is handed the items and gives items back.
function stackFiles(buttons, panel, {items, base, load}) {
  const toggle = (what) => () => show(panel.hidden || panel.dataset.shows !== what ? what : '');
  const save = iconButton('save', 'Save this stack', toggle('save')), open = iconButton('folder', 'Load a saved stack', toggle('load'));
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
    const name = cs.el('input.cs-input', {type: 'text', maxlength: 80, placeholder: 'Name of the stack', 'aria-label': 'Name of the stack'});
    const keep = labelled(null, 'Save', async () => {
      const kept = await cs.attempt(() => cs.call(server.save_stack({name: name.value, items: items(), base: base()})), keep);
      if (!kept) return;
      panel.replaceChildren(cs.el('span.cs-small', {role: 'status'}, `Saved as ${kept.file}`), cs.el('span.cs-spacer'),
        cs.el('a.cs-button', {href: cs.file(kept.path), download: kept.file}, icon('download', 15), 'Download'), iconButton('close', 'Close', () => show('')));
    }, '.cs-primary');
    name.addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); keep.click(); } if (event.key === 'Escape') show(''); });
    panel.replaceChildren(name, keep);
    name.focus();
  }
  async function list() {
    panel.replaceChildren(cs.el('span.cs-small.cs-muted', {}, 'Looking …'));
    const saved = await cs.attempt(() => cs.call(server.saved_stacks({}))) || [];
    panel.replaceChildren(saved.length ? cs.el('ul.st-saved-list', {}, saved.map(entry)) : cs.el('span.cs-small.cs-muted', {}, 'No stack is saved yet.'));
  }
  function entry(one) {
    return cs.el('li', {}, cs.el('button.st-saved-open', {type: 'button', disabled: Boolean(one.problem), onclick: (event) => cs.attempt(async () => {
      load(await cs.call(server.load_stack({id: one.id})));
      show('');
    }, event.currentTarget)}, cs.el('b', {}, one.name), cs.el('span.cs-small.cs-muted', {}, one.problem || `${one.files.join(', ')} · on ${one.base}`)),
    iconButton('trash', `Move ${one.name} to the trash`, (event) => cs.attempt(async () => { await cs.call(server.delete_stack({id: one.id})); await list(); }, event.currentTarget)));
  }
}

// What a loaded stack has to say: files that are not here, and what differs.
function tellLoaded(loaded, base) {
  if (loaded.missing.length) cs.notice({what: 'Files of this stack are not here', where: loaded.missing.join(', '), remedy: 'Add them to the library, under any name, and load the stack again.'});
  const notes = [...loaded.notes, ...(loaded.base && loaded.base !== base ? [`It was made on “${loaded.base}”.`] : [])];
  cs.notice({what: `“${loaded.name}” is on the stack`, why: notes.join(' ')}, 'good');
}
