// Chooses a file whose settings fill the form: from the library, or from the computer.
// Owns: the dialog. Refuses to know: what is read from the file (`chosen(path)` is handed in).
function settingsFile(list, chosen) {
  const dialog = cs.el('dialog.cs-lightbox.cs-files', {'aria-label': 'Settings of a file'});
  const search = cs.el('input.cs-input', {type: 'search', placeholder: 'Search files', 'aria-label': 'Search files', oninput: () => draw()});
  const rows = cs.el('div.cs-files-list', {role: 'list'});
  const picker = cs.el('input.cs-hidden', {type: 'file', accept: '.safetensors', tabindex: '-1', 'aria-label': 'File with settings'});
  let files = [];
  function take(path) { dialog.close(); chosen(path); }
  function draw() {
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = files.filter((file) => words.every((word) => `${file.name} ${file.kind}`.toLowerCase().includes(word)));
    rows.replaceChildren(...found.slice(0, 200).map((file) => cs.el('button.cs-run-row', {type: 'button', role: 'listitem', onclick: () => take(file.path)},
      adapterThumb(file), cs.el('b', {}, file.name), cs.el('span.cs-spacer'), adapterFacts(file))));
    if (!found.length) rows.append(cs.el('p.cs-muted.cs-small', {}, files.length ? 'No file speaks of this.' : 'No file in the library yet.'));
  }
  picker.addEventListener('change', () => cs.attempt(async () => {
    const [file] = picker.files;
    picker.value = '';
    if (file) take((await upload(file)).path);
  }));
  dialog.append(cs.el('div.cs-stack', {}, cs.el('h3.cs-card-title', {style: {margin: '0'}}, 'Use the settings of a file'),
    cs.el('p.cs-muted.cs-small', {style: {margin: '0'}}, 'A file trained here or by another program says how it was made. What it does not say keeps its usual value.'),
    search, rows, cs.el('div.cs-toolbar', {}, labelled('plus', 'From this computer', () => picker.click()), picker, cs.el('span.cs-spacer'), labelled(null, 'Close', () => dialog.close()))));
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  const button = labelled('reuse', 'Settings of a file …', (event) => cs.attempt(async () => {
    files = await list();
    search.value = '';
    draw();
    dialog.showModal();
  }, event.currentTarget), '.cs-quiet.cs-like');
  return cs.el('div', {}, button, dialog);
}
