// What is pinned beside the grid: a cell, or a reference image. Owns: the panel, and choosing a reference image.
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {closeBeside, el, openDialog, sharpen} from '../core/dom.js';
import {iconButton} from '../core/icons.js';
import {imageView} from './cells.js';

/** The panel of `image` {src, name, text}; `release()` takes it away. */
export function pinnedPanel({src, name, text}, release) {
  return el(
    'figure.cm-pinned',
    {},
    el('figcaption', {}, el('b', {title: name}, name), iconButton('close', `Unpin ${name}`, release)),
    el('div.cm-frame', {}, imageView(src, `Pinned: ${name}`)),
    text && el('p.cs-small.cs-muted', {title: text}, text),
  );
}

/** A dialog with the reference images of a comparison; `chosen({src, name})` hears of one. */
export async function chooseReference(server, id, host, chosen) {
  const found = await attempt(() => call(server.references({id})));
  if (!found) return;
  const choose = (one) => {
    dialog.close();
    chosen({src: fileUrl(one.large), name: one.name});
  };
  const cell = (one) => {
    const image = el('img', {src: fileUrl(one.small), alt: '', onload: (event) => sharpen(event.currentTarget)});
    const attributes = {type: 'button', 'aria-label': `Pin ${one.name}`, onclick: () => choose(one)};
    return el('button.cm-choice', attributes, image, el('span.cs-small', {}, one.name));
  };
  const dialog = el(
    'dialog.cm-chooser',
    {'aria-label': 'Reference images'},
    el(
      'div.cs-toolbar',
      {},
      el('b', {}, 'Reference images'),
      el('span.cs-spacer'),
      iconButton('close', 'Close (Esc)', () => dialog.close()),
    ),
    el('div.cm-choices', {}, found.images.map(cell)),
    found.more > 0 && el('p.cs-small.cs-muted', {}, `and ${found.more} more`),
  );
  closeBeside(dialog);
  openDialog(dialog, host);
}
