// What crops by rule would keep, image by image, before anything is saved. Owns: the dialog. Refuses to know:
// how crops are found and saved.
import {fileUrl} from '../core/address.js';
import {attempt} from '../core/calls.js';
import {closeBeside, el, openDialog} from '../core/dom.js';
import {count} from '../core/format.js';
import {iconButton, labelled} from '../core/icons.js';

const AT_ONCE = 24;

/** `found`: file → {crop, size, bucket, lost} or {problem}; `thumbnails(files)` shows the images as they are
 *  turned, not cropped; `apply(crops)` saves those that stay ticked. */
export function previewCrops(found, thumbnails, apply) {
  const files = Object.keys(found);
  const usable = files.filter((file) => found[file].crop);
  const chosen = new Set(usable);
  const places = new Map(files.map((file) => [file, cellOf(file, found[file])]));
  const save = labelled('check', '', () => attempt(finish, save), '.cs-primary');
  const words = el('span');
  save.append(words);
  const finish = async () => {
    await apply(Object.fromEntries([...chosen].map((file) => [file, found[file].crop])));
    dialog.close();
  };
  const say = () => {
    words.textContent = `Apply to ${count(chosen.size, 'image')}`;
    save.disabled = !chosen.size;
  };
  for (const [file, {tick}] of places) {
    tick.addEventListener('change', () => {
      if (tick.checked) chosen.add(file);
      else chosen.delete(file);
      say();
    });
  }
  const head = el(
    'div.pi-head',
    {},
    el('h3.pi-title', {}, 'Preview of the crops'),
    save,
    iconButton('close', 'Close (Esc)', () => dialog.close()),
  );
  const dialog = el(
    'dialog.pi-preview',
    {'aria-label': 'Preview of the crops'},
    head,
    el(
      'div.pi-grid',
      {},
      [...places.values()].map(({node}) => node),
    ),
  );
  closeBeside(dialog);
  openDialog(dialog);
  say();
  attempt(async () => {
    for (let at = 0; at < files.length && dialog.isConnected; at += AT_ONCE) {
      const looks = await thumbnails(files.slice(at, at + AT_ONCE));
      for (const [file, look] of Object.entries(looks)) if (look.path) places.get(file).show(fileUrl(look.path));
    }
  });
}

function cellOf(file, {crop, size, bucket, lost, problem}) {
  const image = el('img', {alt: '', draggable: 'false'});
  const window = el('span.pi-window');
  for (const [at, side] of ['left', 'top', 'right', 'bottom'].entries())
    window.style.setProperty(`--pi-${side}`, `${(crop || [0, 0, 1, 1])[at] * 100}%`);
  const tick = el('input.cs-checkbox', {type: 'checkbox', checked: Boolean(crop), disabled: !crop});
  const facts = problem || `${size[0]} × ${size[1]} → ${bucket[0]} × ${bucket[1]}, ${Math.round(lost * 100)} % lost`;
  const node = el(
    'label.pi-proposal',
    {},
    el('span.pi-thumb', {}, el('span.pi-shown', {}, image, window)),
    el('span.pi-line', {}, tick, el('span.cs-small', {}, file)),
    el('span.cs-small.cs-muted.cs-number', {}, facts),
  );
  return {
    node,
    tick,
    show: (url) => {
      image.src = url;
    },
  };
}
