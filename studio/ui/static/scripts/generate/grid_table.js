// One page of a grid as a table: headings, cells that fill as they are generated.
// Refuses to know: what an axis does, what a click on a cell opens.
import {fileUrl} from '../core/address.js';
import {el, sharpen} from '../core/dom.js';
import {icon} from '../core/icons.js';
import {cellName} from './axes_text.js';

function failed({what, why, remedy}) {
  const title = [what, why, remedy].filter(Boolean).join(' ');
  return el('div.ax-cell.ax-failed', {title}, icon('warn', 18), el('span.cs-small', {}, what));
}

function cellView(cell, grid, {running, enlarge}) {
  if (cell.error) return failed(cell.error);
  if (!cell.file) {
    const title = running ? 'Not drawn yet' : 'Not drawn';
    return el(`div.ax-cell${running ? '.cs-skeleton' : ''}`, {title});
  }
  const name = cellName(cell, grid.sides);
  const src = fileUrl(`${grid.folder}/${cell.file}`);
  const onload = (event) => sharpen(event.currentTarget);
  const image = el('img', {src, alt: name, loading: 'lazy', draggable: 'true', onload});
  const attributes = {type: 'button', 'aria-label': `Enlarge: ${name}`, onclick: () => enlarge(cell)};
  return el('button.ax-cell', attributes, image);
}

function corner(x, y) {
  const words = [x.title && `→ ${x.title}`, y.title && `↓ ${y.title}`].filter(Boolean);
  return el(
    'div.ax-head.ax-corner',
    {},
    words.map((text) => el('div.cs-small.cs-muted', {}, text)),
  );
}

/** `at(x, y)` is a cell of the page; `running` and `enlarge(cell)` as the cells need them. */
export function gridTable(grid, at, options) {
  const {x, y} = grid.sides;
  const rows = y.headings.some(Boolean);
  const host = el(`div.ax-grid${rows ? '' : '.no-rows'}`, {
    role: 'group',
    tabindex: 0,
    'aria-label': 'Pictures of the grid',
    style: {'--columns': x.headings.length},
  });
  if (rows) host.append(corner(x, y));
  host.append(...x.headings.map((heading) => el('div.ax-head', {title: heading}, heading)));
  for (const [row, heading] of y.headings.entries()) {
    if (rows) host.append(el('div.ax-side', {title: heading}, el('span', {}, heading)));
    host.append(...x.headings.map((_, column) => cellView(at(column, row), grid, options)));
  }
  return host;
}
