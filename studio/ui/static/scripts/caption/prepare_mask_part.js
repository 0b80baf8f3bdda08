// The panel of the mask: brush, erase, invert, where a mask comes from. Owns: these controls. Refuses to know:
// how strokes are painted (`prepare_mask.js`), what is saved (the editor that it is given).
import {fileUrl} from '../core/address.js';
import {attempt, call} from '../core/calls.js';
import {el, flip, isOn} from '../core/dom.js';
import {count} from '../core/format.js';
import {labelled} from '../core/icons.js';
import {LEAST} from '../core/mask_strokes.js';

const HELP = 'What is coloured is learned. It counts when the run’s setting “Mask” is not “none”.';
const SOURCES = [
  ['', 'as the run’s setting says'],
  ['alpha', 'its transparency'],
  ['none', 'none: all of it is learned'],
];

/** `editor` is a PrepareEditor: {layer, facts, mask, painted, ask(), render(), server}. */
export function maskPart(editor) {
  const {layer} = editor;
  const range = {type: 'range', min: LEAST, step: 1, 'aria-label': 'Brush size'};
  const resize = () => {
    layer.size = Number(size.value);
    editor.render();
  };
  const size = el('input.cs-range', {...range, oninput: resize});
  const toggle = () => {
    flip(erase);
    layer.erase = isOn(erase);
  };
  const erase = el('button.cs-switch', {
    type: 'button',
    role: 'switch',
    'aria-label': 'Erase',
    'aria-checked': 'false',
    onclick: toggle,
  });
  const marked = () => {
    editor.painted = true;
    editor.render();
  };
  const start = (under) => async () => {
    const found = await call(editor.server.prepare_mask(editor.ask({under})));
    await layer.take(under, fileUrl(found.path));
    marked();
  };
  const clear = () => {
    layer.take('', null);
    editor.mask = '';
    marked();
  };
  const source = el('select.cs-input', {
    'aria-label': 'Mask of this image',
    onchange: () => {
      editor.mask = source.value;
      editor.painted = source.value === 'own' && layer.any;
      editor.render();
    },
  });
  const beside = labelled(null, 'From the file beside it', () => attempt(start('beside')));
  const alpha = labelled(null, 'From transparency', () => attempt(start('alpha')));
  const words = el('p.cs-small.cs-muted', {}, HELP);
  const said = el('p.cs-small.cs-muted', {role: 'status'});
  const invert = labelled('refresh', 'Invert', () => {
    layer.invert();
    marked();
  });
  const node = el(
    'div.pi-part',
    {},
    words,
    el('label.cs-small.pi-field', {}, 'Brush', size),
    el('span.cs-small.pi-field', {}, 'Erase', erase),
    el('div.cs-toolbar', {}, invert, labelled('trash', 'Clear', clear, '.cs-quiet')),
    el('div.cs-toolbar', {}, beside, alpha),
    el('label.cs-small.pi-field', {}, 'Mask', source),
    said,
  );

  function render() {
    const {facts} = editor;
    if (layer.strokes.length) editor.painted = true;
    size.max = layer.most;
    size.value = layer.size;
    beside.hidden = !facts.beside;
    alpha.hidden = !facts.alpha;
    const own = editor.painted ? layer.any : Boolean(facts.own) && editor.mask === facts.mask;
    const entries = own ? [['own', 'the one that is painted here'], ...SOURCES] : SOURCES;
    source.replaceChildren(...entries.map(([value, label]) => el('option', {value}, label)));
    source.value = own ? 'own' : editor.mask;
    said.textContent = `Brush: ${count(layer.size, 'pixel')} of the image.`;
  }
  return {node, render};
}
