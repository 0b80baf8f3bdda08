// The large view of a grid's cells; arrow keys go to the neighbours.
import {fileUrl} from '../core/address.js';
import {el, fitImage, openDialog} from '../core/dom.js';
import {fileName} from '../core/format.js';
import {icon, iconButton} from '../core/icons.js';
import {cellFacts} from './axes_text.js';

const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const HINT = 'Its settings are in the file: drop it on the stack to restore them. Arrow keys go to its neighbours.';

const pair = ([name, value]) => [el('dt', {}, name), el('dd', {}, value)];

/** `at(x, y)` is a cell of the same page, or nothing. */
export function enlargeCell(grid, first, at) {
  let cell = first;
  const image = el('img.lb-image', {alt: '', draggable: 'false', onload: () => fitImage(image, 8)});
  const side = el('div.lb-side');
  const close = iconButton('close', 'Close (Esc)', () => dialog.close(), '.lb-close');
  const stage = el('div.lb-stage', {}, image);
  const dialog = el('dialog.lb', {'aria-label': 'Picture of the grid'}, stage, side, close);

  function show() {
    const href = fileUrl(`${grid.folder}/${cell.file}`);
    image.src = href;
    const facts = cellFacts(cell, grid.sides).filter(([title]) => title);
    const seed = [el('dt', {}, 'Seed'), el('dd.cs-number', {}, String(cell.seed))];
    const download = {href, download: `${grid.id}-${fileName(cell.file)}`};
    side.replaceChildren(
      el('p.lb-prompt', {}, cell.prompt || 'No prompt'),
      el('dl.cs-facts', {}, facts.flatMap(pair), seed),
      el('div.lb-actions', {}, el('a.cs-button', download, icon('download', 15), 'Download')),
      el('p.cs-small.cs-muted', {}, HINT),
    );
  }
  dialog.addEventListener('keydown', (event) => {
    const by = STEPS[event.key];
    if (!by) return;
    event.preventDefault();
    const next = at(cell.x + by[0], cell.y + by[1]);
    if (!next?.file) return;
    cell = next;
    show();
  });
  openDialog(dialog);
  show();
}
