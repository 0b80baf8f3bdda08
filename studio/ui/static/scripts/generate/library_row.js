// One row of the library: what is known of an entry, its star, and what can be done with it.
// Refuses to know: which rows are in view; the library does what a row's buttons ask for.
import {ADAPTER, adapterThumb, kindMark} from '../core/adapters.js';
import {el} from '../core/dom.js';
import {formatBytes, formatDay, shownEnd} from '../core/format.js';
import {iconButton} from '../core/icons.js';
import {menuButton} from '../core/menu.js';
import {misfit, placeOf} from './library_list.js';

const MOST_PLACE = 13; // letters beside a title

/** The path of an entry as a tooltip shows it, and how it is used. */
const hint = (card) =>
  `${card.path}\n${formatBytes(card.size)}, ${formatDay(card.modified)}\nDrag onto a stack, or double-click`;

function facts(card, trouble) {
  if (trouble) return el('span.sh-problem', {}, trouble);
  return el(
    'span.st-meta',
    {},
    card.kind && kindMark(card.kind),
    card.sample && el('span.cs-chip.sh-sample', {title: 'Ships with the studio'}, 'sample'),
    card.family_title && el('span', {}, card.family_title),
    card.trigger && el('span.sh-trigger', {title: 'Trigger word'}, `“${card.trigger}”`),
    el('span', {}, formatDay(card.modified)),
  );
}

function star(card, library) {
  const label = `${card.title} is a favourite`;
  const button = iconButton('star', label, () => library.star(card), '.sh-star');
  button.setAttribute('aria-pressed', card.favourite);
  return button;
}

const actions = (card, library) => () =>
  [
    ['Name, notes, thumbnail …', () => library.open(card)],
    card.run && ['Open the run it came from', () => library.openRun(card)],
    !card.sample && ['Move to the trash', () => library.discard(card)],
  ].filter(Boolean);

/** Where an entry is, as short as tells it from others of its title. */
const shortPlace = (card) => shownEnd(placeOf(card).replace(/\.safetensors$/, ''), MOST_PLACE);

/** The row of a card; `library` knows whose title is shared. */
export function libraryRow(card, library) {
  const trouble = misfit(card, library.family);
  const add = iconButton('plus', `Add ${card.title} to the stack`, () => library.choose(card));
  const where =
    library.shared.has(card.title.toLowerCase()) && el('span.cs-muted.sh-where', {}, ` ${shortPlace(card)}`);
  const node = el(
    'li.sh-row',
    {draggable: 'true', title: trouble ? `${trouble}\n${card.path}` : hint(card), 'data-path': card.path},
    adapterThumb({...card, name: card.title, preview: library.previews.get(card.path)}, '.sh-thumb'),
    el('div.st-title', {}, el('b', {}, card.title, where), facts(card, trouble)),
    el('span.cs-spacer'),
    star(card, library),
    add,
    menuButton(`What can be done with ${card.title}`, actions(card, library)),
  );
  if (trouble) node.classList.add('is-unfit');
  node.addEventListener('dragstart', (event) => {
    event.dataTransfer.setData(ADAPTER, JSON.stringify({path: card.path, from: 'library'}));
    event.dataTransfer.effectAllowed = 'copy';
  });
  node.addEventListener('dblclick', () => add.click());
  return node;
}
