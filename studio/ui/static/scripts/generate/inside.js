// What is in an adapter file: kind, blocks with rank and norm, training settings, metadata, hashes.
// Owns: the dialog. Python reads the file; nothing in it is run.
import {call, partsOf} from '../core/calls.js';
import {closeBeside, el, openDialog} from '../core/dom.js';
import {iconButton} from '../core/icons.js';
import {message} from '../core/notices.js';
import {headRows, metadataRows, normText} from './inside_rows.js';
import {noteLine} from './stack_notes.js';

const HEADINGS = ['Block', 'Rank', 'Layers', 'Norm'];
const LONGEST = 400; // characters of a value

function factList(rows) {
  const there = rows.filter(([, value]) => value !== null && value !== '' && value !== undefined);
  const pair = ([name, value]) => [el('dt', {}, name), el('dd.cs-number', {}, String(value).slice(0, LONGEST))];
  return el('dl.cs-facts', {}, there.flatMap(pair));
}

function folded(title, rows) {
  return rows.length > 0 && el('details', {}, el('summary', {}, `${title} (${rows.length})`), factList(rows));
}

function blockTable(blocks) {
  if (!blocks?.length) return null;
  const strongest = Math.max(...blocks.map((one) => one.norm || 0), 1e-9);
  const row = (one) => {
    const bar = el('span.si-bar', {style: {'--share': (one.norm || 0) / strongest}});
    const cells = [one.ranks.join(', ') || '–', String(one.modules), [bar, normText(one.norm)]];
    return el(
      'tr',
      {},
      el('td', {}, one.block),
      cells.map((cell) => el('td.cs-number', {}, cell)),
    );
  };
  const head = el(
    'tr',
    {},
    HEADINGS.map((text) => el('th', {scope: 'col'}, text)),
  );
  return el('table.si-blocks', {}, el('thead', {}, head), el('tbody', {}, blocks.map(row)));
}

/** Opens the dialog for a file; `stack` knows its name and whom to ask. */
export async function showInside(path, stack) {
  const name = stack.nameOf(path);
  const dialog = el('dialog.cs-lightbox.si', {'aria-label': `What is in ${name}`}, el('p.cs-muted', {}, 'Reading …'));
  closeBeside(dialog);
  openDialog(dialog);
  let facts;
  try {
    facts = await call(stack.server.inside({path}));
  } catch (error) {
    dialog.replaceChildren(message(partsOf(error, 'This file could not be read')));
    return;
  }
  const {training, others} = metadataRows(facts.metadata || {});
  const close = iconButton('close', 'Close (Esc)', () => dialog.close());
  const parts = [
    el('div.si-head', {}, el('h3.cs-card-title', {}, name), el('span.cs-spacer'), close),
    ...[...(facts.problems || []), ...(facts.notes || [])].map((text) => noteLine('warn', text)),
    factList(headRows(facts)),
    blockTable(facts.blocks),
    folded('Training', training),
    folded('Other metadata', others),
    folded('Hashes', Object.entries(facts.hashes || {})),
  ];
  dialog.replaceChildren(...parts.filter(Boolean));
}
