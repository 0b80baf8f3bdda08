// The list of all runs; two of them can be chosen to see how they differ.
// Owns: the list and what is chosen in it. Refuses to know: the server (callbacks are handed in).
function runList(open, compare) {
  const list = cs.el('div.cs-run-list', {role: 'list'}), count = cs.el('span.cs-muted.cs-small.cs-count');
  const hint = cs.el('p.cs-muted.cs-small.cs-run-hint', {'aria-live': 'polite'});
  const node = cs.el('details.cs-card.cs-fold', {open: true}, cs.el('summary', {}, cs.el('span', {}, 'All runs '), count), hint, list);
  let before = '', chosen = [], shown = [[], ''];

  function choose(run) {
    chosen = chosen.includes(run) ? chosen.filter((other) => other !== run) : [...chosen, run].slice(-2);
    update(...shown);
    compare(chosen.length === 2 ? chosen : null);
  }
  function row(run, current) {
    const name = run.name || run.run, picked = chosen.includes(run.run);
    return cs.el('div.cs-run-line', {role: 'listitem'},
      cs.el('button.cs-check', {type: 'button', role: 'checkbox', 'aria-checked': picked, 'aria-label': `Difference: ${name}`, title: 'Choose two runs to see how they differ', 'data-check': run.run, onclick: () => choose(run.run)}, picked && icon('check', 12)),
      cs.el('button.cs-run-row', {type: 'button', 'aria-current': run.run === current, 'data-run': run.run, onclick: () => open(run.run)},
        badge(run.state), cs.el('b', {title: name}, name), cs.el('span.cs-muted', {}, METHODS[run.method] || run.method || ''),
        cs.el('span.cs-spacer'), cs.el('span.cs-muted.cs-number', {}, `${run.step || 0} / ${run.steps || '–'}`), cs.el('span.cs-muted.cs-number', {}, cs.when(run.started_at || run.created_at))));
  }
  function update(runs, current) {
    shown = [runs, current];
    const still = chosen.filter((run) => runs.some((one) => one.run === run));
    if (still.length < chosen.length) { chosen = still; compare(null); }
    const key = JSON.stringify([runs, current, chosen]);
    if (key === before) return;
    before = key;
    count.textContent = String(runs.length);
    hint.textContent = runs.length < 2 || chosen.length === 2 ? '' : chosen.length ? 'Choose one more to see how they differ.' : 'Tick two to see how they differ.';
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset : null;
    list.replaceChildren(...runs.map((run) => row(run, current)));
    if (!runs.length) list.replaceChildren(cs.el('p.cs-muted.cs-small', {style: {margin: '0'}}, 'No runs yet.'));
    if (focused) [...list.querySelectorAll('button')].find((b) => focused.check ? b.dataset.check === focused.check : b.dataset.run === focused.run)?.focus();
  }
  return {node, update, clear() { chosen = []; update(...shown); }};
}
