// The large view of generated images: a modal dialog with zoom, the settings in the file, and what
// can be done with them.
import {fileUrl} from '../core/address.js';
import {partsOf} from '../core/calls.js';
import {copyText} from '../core/clipboard.js';
import {el, fitImage, openDialog} from '../core/dom.js';
import {fileName} from '../core/format.js';
import {icon, iconButton, labelled} from '../core/icons.js';
import {message} from '../core/notices.js';
import {clamp, wrap} from '../core/values.js';
import {showBegun} from './begun.js';

const MOST_ZOOM = 16;
const STEP = 1.5;

/** An image that can be enlarged and dragged: {stage, image, scale, reset}. */
function zoomStage(close) {
  let zoom = 1;
  let [x, y] = [0, 0];
  const image = el('img.lb-image', {alt: '', draggable: 'false'});
  const stage = el('div.lb-stage', {}, image);
  function place() {
    image.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    stage.classList.toggle('is-zoomed', zoom > 1);
  }
  function scale(factor) {
    zoom = clamp(zoom * factor, 1, MOST_ZOOM);
    if (zoom === 1) [x, y] = [0, 0];
    place();
  }
  stage.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      scale(event.deltaY < 0 ? 1.2 : 1 / 1.2);
    },
    {passive: false},
  );
  stage.addEventListener('pointerdown', (event) => {
    if (zoom === 1) return;
    stage.setPointerCapture(event.pointerId);
    const from = [event.clientX - x, event.clientY - y];
    const drag = (moved) => {
      [x, y] = [moved.clientX - from[0], moved.clientY - from[1]];
      place();
    };
    stage.addEventListener('pointermove', drag);
    stage.addEventListener('pointerup', () => stage.removeEventListener('pointermove', drag), {once: true});
  });
  stage.addEventListener('dblclick', () => scale(zoom > 1 ? 0 : 4));
  stage.addEventListener('click', (event) => {
    if (event.target === stage && zoom === 1) close();
  });
  return {stage, image, scale, reset: () => scale(0)};
}

const pair = ([name, value]) => [el('dt', {}, name), el('dd.cs-number', {}, value)];

/** What is written in an image and what can be done with it. */
function factParts(image, facts, {reuse, begin, close}) {
  const {prompt, negative_prompt: negative} = facts.settings;
  const after = (action) => () => {
    action(image);
    close();
  };
  const sendTo = (inpaint) => (one) => {
    begin(one, inpaint);
    showBegun(one.id, inpaint);
  };
  const copy = () => copyText(facts.parameters, 'Parameters copied');
  const download = {href: fileUrl(image.path), download: fileName(image.id)};
  const actions = el(
    'div.lb-actions',
    {},
    labelled('reuse', 'Use these settings', after(reuse), '.cs-primary'),
    labelled('image', 'Image to image', after(sendTo(false))),
    labelled('brush', 'Inpaint', after(sendTo(true))),
    labelled('copy', 'Copy parameters', copy),
    el('a.cs-button', download, icon('download', 15), 'Download'),
  );
  const parts = [
    el('p.lb-prompt', {}, prompt || 'No prompt'),
    negative && el('p.cs-muted.cs-small', {}, `Negative prompt: ${negative}`),
    el('dl.cs-facts', {}, facts.facts.flatMap(pair)),
    actions,
    !facts.facts.length && el('p.cs-muted', {}, 'No settings are written in this file.'),
  ];
  return parts.filter(Boolean);
}

/** `ask(id)` says what is written in an image; `reuse` and `begin` take its settings, or the image. */
export function enlargeImage(list, first, {ask, reuse, begin}) {
  let at = list.indexOf(first);
  let turn = 0; // which image an answer has to belong to
  const close = () => dialog.close();
  const {stage, image, scale, reset} = zoomStage(close);
  const side = el('div.lb-side');
  const go = (by) => {
    at = wrap(at + by, list.length);
    show();
  };
  const many = list.length > 1;
  const dialog = el(
    'dialog.lb',
    {'aria-label': 'Image'},
    stage,
    side,
    iconButton('close', 'Close (Esc)', close, '.lb-close'),
    many && iconButton('left', 'Previous (←)', () => go(-1), '.lb-prev'),
    many && iconButton('right', 'Next (→)', () => go(1), '.lb-next'),
  );

  async function show() {
    const shown = list[at];
    turn += 1;
    const mine = turn;
    reset();
    image.src = fileUrl(shown.path);
    image.onload = () => fitImage(image, 8);
    side.replaceChildren(el('p.cs-muted.cs-small', {}, `${at + 1} of ${list.length}`));
    let facts;
    try {
      facts = await ask(shown.id);
    } catch (error) {
      if (mine === turn) side.append(message(partsOf(error, 'This image cannot be read')));
      return;
    }
    if (mine === turn) side.append(...factParts(shown, facts, {reuse, begin, close}));
  }
  dialog.addEventListener('keydown', (event) => {
    const action = {
      ArrowLeft: () => go(-1),
      ArrowRight: () => go(1),
      '+': () => scale(STEP),
      '=': () => scale(STEP),
      '-': () => scale(1 / STEP),
      0: reset,
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  openDialog(dialog);
  show();
}
