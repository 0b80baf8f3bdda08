// Images of several lanes: one column per lane, one row per seed. Owns: the table.
// Refuses to know: what an image's cell shows.
import {el} from '../core/dom.js';

const row = (...cells) => el('div.lg-row', {role: 'row'}, cells);

function heading(name, k) {
  const number = el('span.st-number-of.cs-number', {'aria-hidden': 'true'}, k + 1);
  return el('div.lg-head', {role: 'columnheader', title: name}, number, el('b', {}, name));
}

function blank(running) {
  const inside = running ? el('div.cs-skeleton.pg-blank') : el('div.lg-none.cs-small.cs-muted', {}, 'not drawn');
  return el('div.cs-cell', {}, inside);
}

/** `lanes` are names, `images` have one as `lane`; `cell(image)` makes what is shown of one. */
export function laneGrid({lanes, images, running, seeds}, cell) {
  const corner = el('div.lg-corner.cs-small.cs-muted', {role: 'columnheader'}, 'Seed');
  const label = {role: 'table', 'aria-label': 'Pictures by lane and seed'};
  const table = el('div.lg', {...label, style: {'--lanes': lanes.length}}, row(corner, lanes.map(heading)));
  const byLane = lanes.map((name) => images.filter((image) => image.lane === name));
  for (const [k, seed] of seeds.entries()) {
    const found = byLane.map((own) => own[k]); // by place, not by seed: variations share theirs
    if (!running && !found.some(Boolean)) continue;
    const cells = found.map((image) => el('div.lg-cell', {role: 'cell'}, image ? cell(image) : blank(running)));
    table.append(row(el('div.lg-seed.cs-number.cs-small', {role: 'rowheader'}, seed), cells));
  }
  return table;
}
