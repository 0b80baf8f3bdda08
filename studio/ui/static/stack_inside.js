// What is in an adapter file: kind, blocks with rank and norm, training settings, metadata, hashes.
// Owns: the dialog. Python reads the file; nothing in it is run.
async function showInside(path) {
  const dialog = cs.el('dialog.cs-lightbox.si', {'aria-label': `What is in ${nameOf(path)}`}, cs.el('p.cs-muted', {}, 'Reading …'));
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  (document.querySelector('.gradio-container') || document.body).append(dialog);
  dialog.showModal();
  let facts;
  try { facts = await cs.call(server.inside({path})); } catch (error) { return dialog.replaceChildren(cs.message(error.parts || {what: 'This file could not be read'})); }
  const list = (rows) => cs.el('dl.cs-facts', {}, rows.filter(([, value]) => value !== null && value !== '' && value !== undefined)
    .flatMap(([name, value]) => [cs.el('dt', {}, name), cs.el('dd.cs-number', {}, String(value).slice(0, 400))]));
  const folded = (title, rows) => rows.length > 0 && cs.el('details', {}, cs.el('summary', {}, `${title} (${rows.length})`), list(rows));
  const strongest = Math.max(...(facts.blocks || []).map((one) => one.norm || 0), 1e-9);
  const blocks = facts.blocks?.length > 0 && cs.el('table.si-blocks', {}, cs.el('thead', {}, cs.el('tr', {}, ['Block', 'Rank', 'Layers', 'Norm'].map((text) => cs.el('th', {scope: 'col'}, text)))),
    cs.el('tbody', {}, facts.blocks.map((one) => cs.el('tr', {}, cs.el('td', {}, one.block), cs.el('td.cs-number', {}, one.ranks.join(', ') || '–'), cs.el('td.cs-number', {}, String(one.modules)),
      cs.el('td.cs-number', {}, cs.el('span.si-bar', {style: {'--share': (one.norm || 0) / strongest}}), one.norm === null ? 'depends on the base' : one.norm.toPrecision(3))))));
  const plain = Object.entries(facts.metadata || {}).filter(([name]) => name !== 'modelspec.thumbnail');
  const training = plain.filter(([name]) => name.startsWith('ss_')).map(([name, value]) => [name.slice(3).replaceAll('_', ' '), value]);
  dialog.replaceChildren(...[
    cs.el('div.si-head', {}, cs.el('h3.cs-card-title', {}, nameOf(path)), cs.el('span.cs-spacer'), iconButton('close', 'Close (Esc)', () => dialog.close())),
    ...(facts.problems || []).map((problem) => line('warn', problem)),
    ...(facts.notes || []).map((note) => line('warn', note)),
    list([['Kind', facts.kind], ['Written as', facts.dialect], ['Family', facts.family], ['Numbers', facts.parameters?.toLocaleString('en')], ['Rank', facts.rank], ['Alpha', facts.alpha], ['Trigger', facts.trigger]]),
    blocks, folded('Training', training), folded('Other metadata', plain.filter(([name]) => !name.startsWith('ss_'))), folded('Hashes', Object.entries(facts.hashes || {}))].filter(Boolean));
}
