// Pictures of several lanes: one column per lane, one row per seed. Owns: the table.
// Refuses to know: what a picture's cell shows.
function laneGrid(lanes, pictures, running, seeds, cell) {
  const table = cs.el('div.lg', {role: 'table', 'aria-label': 'Pictures by lane and seed', style: {'--lanes': lanes.length}});
  const row = (...children) => cs.el('div.lg-row', {role: 'row'}, children);
  table.append(row(cs.el('div.lg-corner.cs-small.cs-muted', {role: 'columnheader'}, 'Seed'),
    lanes.map((name, k) => cs.el('div.lg-head', {role: 'columnheader', title: name}, cs.el('span.st-number-of.cs-number', {'aria-hidden': 'true'}, k + 1), cs.el('b', {}, name)))));
  seeds.forEach((seed, k) => { // by place, not by seed: variations share theirs
    const cells = lanes.map((name) => pictures.filter((picture) => picture.lane === name)[k]);
    if (!running && !cells.some(Boolean)) return;
    table.append(row(cs.el('div.lg-seed.cs-number.cs-small', {role: 'rowheader'}, seed),
      cells.map((picture) => cs.el('div.lg-cell', {role: 'cell'}, picture ? cell(picture)
        : cs.el('div.cs-cell', {}, running ? cs.el('div.cs-skeleton.pg-blank') : cs.el('div.lg-none.cs-small.cs-muted', {}, 'not drawn'))))));
  });
  return table;
}
