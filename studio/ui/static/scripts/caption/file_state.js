// What is said at an image whose files are not as they were: gone, or with another caption than the page
// has seen. Owns: how it looks, in the grid and in the big view.
import {el} from '../core/dom.js';
import {icon} from '../core/icons.js';

const GONE = 'This image is not there any more: it was moved, renamed or deleted.';
const short = (text) => (text.length > 140 ? `${text.slice(0, 139)}…` : text);

/** The panel for an item, or null where all is well; `settle(mine)` keeps one of two captions. */
export function fileState(item, settle) {
  if (item.gone) {
    return el('div.cs-file-state', {role: 'status'}, icon('warn', 18), el('b', {}, 'Gone'), el('span', {}, GONE));
  }
  if (item.conflict === undefined) return null;
  const choice = (label, title, mine) =>
    el('button.cs-button', {type: 'button', title, onclick: () => settle(mine)}, label);
  return el(
    'div.cs-file-state',
    {role: 'status'},
    el('b', {}, 'Changed on disk'),
    el(
      'span.cs-file-state-text',
      {title: item.conflict},
      item.conflict ? `“${short(item.conflict)}”` : 'The caption was removed.',
    ),
    el(
      'span.cs-toolbar',
      {style: {gap: '6px'}},
      choice('Take that', 'Show the caption on disk instead of yours', false),
      choice('Keep mine', 'Write your caption over it', true),
    ),
  );
}

/** Chips above the corner of an image: that it lacks the trigger word. */
export const lacksChip = (word) => el('span.cs-chip.is-warn', {title: `The caption lacks “${word}”`}, 'no trigger');
